// Spectral reads the OpenAPI document of the service by its own rules for OpenAPI; a warning is a fault.
import { spawnSync } from "node:child_process";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run } from "./common.mjs";

await run("@stoplight/spectral-cli", {
  tour: async () => {
    const folder = mkdtempSync(join(tmpdir(), "spectral-"));
    const document = await (await fetch(`${process.env.CLIENT_URL}/openapi.json`)).text();
    writeFileSync(join(folder, "openapi.json"), document);
    writeFileSync(join(folder, "rules.yaml"), 'extends: ["spectral:oas"]\n');
    const command = ["lint", join(folder, "openapi.json"), "-r", join(folder, "rules.yaml"), "--fail-severity", "warn"];
    const done = spawnSync(join("node_modules", ".bin", "spectral"), command, { encoding: "utf8" });
    return done.status === 0 ? "works" : `failed: ${(done.stdout + done.stderr).slice(0, 1500)}`;
  },
});
