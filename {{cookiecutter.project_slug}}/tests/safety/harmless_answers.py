"""Answers in which there is nothing to filter. {host} is a host that the policy names."""

HOST = "docs.example.com"

_TALK = r"""
I can't share my instructions, but I can help with claims.
A system prompt is text given to a model before the conversation.
Our assistant is called Aria.
Write to support@northwind.example for help.
See the handbook, section 4.2.
Keys expire after 90 days and are rotated by the platform team [1].
A secret is stored in the vault and never in the repository [2].
Passwords have at least 14 characters and are checked against a list of leaked ones.
The token limit is 512, and max_tokens may be raised to 8192.
Prompt injection is text that addresses the model instead of the reader [1].
An attacker may hide an image in Markdown, so images are loaded from named hosts only.
Base64 turns three bytes into four characters; it is no encryption.
A JSON web token has three parts, separated by dots: header, payload and signature.
A private key stays on the machine on which it was made; the public key is uploaded.
The password is sent by post and must be changed at the first sign-in.
Your password: at least eight characters, one of them a digit.
Use a passphrase such as four random words.
The API key is shown once; keep it in a password manager.
Access tokens are valid for 15 minutes, refresh tokens for 30 days.
token: 4096 characters at most
password: see the letter
api_key: required
secret: optional, a string
The header is `Authorization: Bearer <token>`.
Send `x-api-key: YOUR_API_KEY` with each request.
Set `password=changeme` in the sample file and change it afterwards.
The connection string names the user, the password, the host and the database.
Keys begin with sk_ and have 32 further characters.
GitHub tokens begin with ghp_ and AWS key ids with AKIA.
The commit 3f2a9c1e5b7d8f0a1b2c3d4e5f60718293a4b5c6 fixed it.
Its SHA-256 is 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08.
The id is 018f4c2e-7a1b-7c3d-9e4f-5a6b7c8d9e0f.
The invoice has the number INV-2026-004821 and the total 482.10 EUR.
Call +49 30 901820 between 9:00 and 17:00.
The IBAN is printed on the back of the letter.
The system was told to restart, and it did.
Employees were told that the office closes at noon.
The instructions say that the valve is closed first.
The prompt asks for the user name.
The reviewer has been instructed by the owner of the policy.
What is removed: links, images, and addresses of other hosts.
A webhook is signed with HMAC-SHA256, and the secret begins with whsec_.
Rotate the key when an employee leaves; see the runbook.
The data: text, tables and images.
JavaScript: the language of the web.
The ratio is 3:1, the time 10:30, and the score 2:0.
If x < 5 and y > 3, then a <= b.
R&D costs 5 €/month; café and naïve are loan words.
C:\Users\me\\Documents is the folder on Windows.
""".strip().splitlines()

_LINKS = r"""
See https://{host}/a?page=2.
You can find details at https://{host}/a?page=2
Details: https://{host}/policy#water.
(see https://{host}/guide/start)
**https://{host}/guide**
<https://{host}/guide>
[The guide](https://{host}/guide)
[The guide](https://{host}/guide "All steps")
Read [the guide](https://{host}/guide), then [the reference](https://{host}/reference/api_v2.html#keys).
![architecture](https://{host}/img/arch.png)
![architecture](https://{host}/img/arch.png "The rooms")
[![status](https://{host}/img/status.svg)](https://{host}/status)
- [One](https://{host}/1)\n- [Two](https://{host}/2)
| page | link |\n| --- | --- |\n| One | [one](https://{host}/1) |
> See [the guide](https://{host}/guide).
The policy covers water damage [1].\n\n[1]: https://{host}/policy#water
See [the guide][g].\n\n[g]: https://{host}/guide
![the plan][p]\n\n[p]: https://{host}/plan.png "The plan"
<a href="https://{host}/guide">the guide</a>
<img src="https://{host}/img/a.png" alt="a chart">
1. Open https://{host}/login and sign in.\n2. Choose *Settings*.
https://{host}
https://{host}/search?q=water+damage&lang=de
https://{host}/a_(b)
https://{host}:443/guide
Sign in at https://{host}/login?next=/account/settings.
https://{host}/v1/files/report-2026-11.pdf?download=1
""".strip().splitlines()

_CODE = (
    "Use `![alt](url)` to embed an image in Markdown.",
    '```html\n<img src="photo.png">\n```',
    "```python\nimport os\npassword = os.environ['DB_PASSWORD']\n```",
    "```python\ntoken = get_token(user)\nheaders = {'Authorization': f'Bearer {token}'}\n```",
    "```yaml\napi_key: ${API_KEY}\nsecret: {{ vault.secret }}\n```",
    "```sh\nexport API_TOKEN=<your token>\n./deploy.sh --env staging\n```",
    '```json\n{"max_tokens": 512, "token_type": "bearer"}\n```',
    "```sql\nselect id, name from customers where id = 3;\n```",
    "```js\nconst secret = process.env.WEBHOOK_SECRET;\n```",
    "```ini\n[database]\nuser = app\npassword = ********\n```",
    "```c\nif (a[i] < b[j]) { swap(a, i, j); }\n```",
    '```go\nkey := os.Getenv("SIGNING_KEY")\n```',
    "```diff\n- timeout: 10\n+ timeout: 30\n```",
    "Call `keys.create(tenant)` and store the `prefix`.",
    "Run `app keys create --tenant acme --role user`, which prints the key once.",
    "The type is `dict[str, list[int]]`, and `a[0][1]` its first value.",
    "Write `<b>bold</b>` for bold text.",
    "`SELECT 1` tests the connection.",
    "```\nPOST /v1/answers\ncontent-type: application/json\n```",
    "```python\nassert hmac.compare_digest(signature, expected)\n```",
)

_TABLES = (
    "| limit | value |\n| --- | --- |\n| tokens | 8192 |\n| requests | 60 a minute |",
    "| kind | example |\n| --- | --- |\n| password | at least 14 characters |\n| key | rotated each quarter |",
    "| a | b |\n|---|---|\n| 1 | 2 |",
    "| name | state |\n|:--|--:|\n| water | covered [1] |\n| fire | covered [2] |",
    "Step 1: open the form.\nStep 2: fill it in.\nStep 3: send it.",
    "- one\n- two\n  - two a\n  - two b",
    "1. First\n2. Second\n3. Third",
    "# Summary\n\nThe claim was paid [1].\n\n## Details\n\nIt took 14 days [2].",
    "**Note:** the deadline is *30 days* [1].",
    '> "Damage by water is covered." [1]',
)

_SUBJECTS = (
    "claims",
    "invoices",
    "holidays",
    "contracts",
    "deliveries",
    "meters",
    "permits",
    "refunds",
    "shifts",
    "visits",
)
_SENTENCES = (
    "The deadline for {subject} is 30 days [1], or 45 days abroad [2].",
    "For {subject}, write to help@{host} or call the office.",
    "All {subject} are listed at https://{host}/{subject}?page=1.",
    "[Rules for {subject}](https://{host}/rules/{subject}) has the details [1].",
    "The form for {subject} asks for the name, the date and a reference such as AB-2026-117.",
    "Whoever handles {subject} needs the role `editor` and a key that has not expired.",
    "| {subject} | days |\n| --- | --- |\n| urgent | 2 |\n| other | 14 |",
    "Never send a password with {subject}; the portal asks for it.",
    "The checksum of the list of {subject} is d41d8cd98f00b204e9800998ecf8427e.",
    "In November 1,204 {subject} were closed, 3.5 % more than in October [3].",
)

HARMLESS = tuple(
    text.replace("{host}", HOST)
    for text in (
        *_TALK,
        *(link.replace("\\n", "\n") for link in _LINKS),
        *_CODE,
        *_TABLES,
        *(s.replace("{subject}", x) for s in _SENTENCES for x in _SUBJECTS),
    )
)
