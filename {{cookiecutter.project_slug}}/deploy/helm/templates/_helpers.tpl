{{- define "app.name" -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- end }}

{{- define "app.version" -}}
{{- .Values.image.tag | default .Chart.AppVersion -}}
{{- end }}

{{- define "app.image" -}}
{{- $repository := required "image.repository must be set" .Values.image.repository -}}
{{- if .Values.image.digest }}{{ $repository }}@{{ .Values.image.digest }}
{{- else }}{{ $repository }}:{{ include "app.version" . }}{{ end -}}
{{- end }}

{{/* Labels of selectors never change; those of objects have the version too. Arguments: root, component. */}}
{{- define "app.selector" -}}
app.kubernetes.io/name: {{ .root.Chart.Name }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{- define "app.labels" -}}
{{ include "app.selector" . }}
app.kubernetes.io/version: {{ include "app.version" .root | trunc 63 | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ .root.Chart.Name }}-{{ .root.Chart.Version }}
{{- end }}

{{/* What every pod has beside its containers. */}}
{{- define "app.pod" -}}
serviceAccountName: {{ include "app.name" . }}
automountServiceAccountToken: false
# Variables such as APP_PORT=tcp://... for each Service would only be noise.
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: {type: RuntimeDefault}
{{- with .Values.image.pullSecrets }}
imagePullSecrets: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations: {{ toYaml . | nindent 2 }}
{{- end }}
volumes:
  - name: tmp
    emptyDir: {sizeLimit: 1Gi}
  - name: data
    {{- if .Values.dataClaim }}
    persistentVolumeClaim: {claimName: {{ .Values.dataClaim }}}
    {{- else }}
    emptyDir: {sizeLimit: 256Mi}
    {{- end }}
{{- end }}

{{/* What every container has beside its arguments, probes and resources. */}}
{{- define "app.container" -}}
image: {{ include "app.image" . }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  runAsNonRoot: true
  capabilities: {drop: [ALL]}
volumeMounts:
  - {name: tmp, mountPath: /tmp}
  - {name: data, mountPath: /data}
envFrom:
  - configMapRef: {name: {{ include "app.name" . }}}
{{- end }}

{{- define "app.secrets" -}}
{{- $secret := required "secret must name a Secret" .Values.secret -}}
{{- range .Values.secretKeys }}
- name: {{ . }}
  valueFrom: {secretKeyRef: {name: {{ $secret }}, key: {{ . }}}}
{{- end }}
{{- range .Values.optionalSecretKeys }}
- name: {{ . }}
  valueFrom: {secretKeyRef: {name: {{ $secret }}, key: {{ . }}, optional: true}}
{{- end }}
{{- end }}

{{/* Pods gate on the schema that the migration makes, so that the order of a rollout does not matter. */}}
{{- define "app.wait" -}}
- name: wait-for-schema
  args: [migrate, --wait, {{ .Values.migration.waitSeconds | quote }}]
  {{- include "app.container" . | nindent 2 }}
  env: {{- include "app.secrets" . | nindent 4 }}
  resources:
    requests: {cpu: 50m, memory: 128Mi}
    limits: {memory: 256Mi}
{{- end }}

{{/* Arguments: root, component. */}}
{{- define "app.spread" -}}
{{- range list "kubernetes.io/hostname" "topology.kubernetes.io/zone" }}
- maxSkew: 1
  topologyKey: {{ . }}
  whenUnsatisfiable: ScheduleAnyway
  labelSelector:
    matchLabels: {{- include "app.selector" $ | nindent 6 }}
{{- end }}
{{- end }}
