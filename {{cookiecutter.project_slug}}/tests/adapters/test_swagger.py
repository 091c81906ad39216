import re

import httpx


async def test_the_documentation_page_refers_to_no_foreign_host(client: httpx.AsyncClient) -> None:
    page = await client.get("/docs")
    assert page.headers["content-type"].startswith("text/html")
    assert "SwaggerUIBundle(" in page.text
    assert re.findall(r"(?:https?:)?//[\w.-]+", page.text.replace("// ", "")) == []
    assert (await client.get("/redoc")).status_code == 404


async def test_the_files_of_the_page_come_from_the_service(client: httpx.AsyncClient) -> None:
    page = (await client.get("/docs")).text
    loaded = dict.fromkeys(re.findall(r"(?:src|href)=\"([^\"]+)\"", page))
    files = {name.rpartition("/")[2]: await client.get(name) for name in loaded}
    assert {name: reply.status_code for name, reply in files.items()} == dict.fromkeys(files, 200)
    assert "SwaggerUIBundle" in files["swagger-ui-bundle.js"].text
    assert re.findall(r"@import|url\(\W?(?:https?:)?//", files["swagger-ui.css"].text) == []
    described = re.search(r"url: '([^']+)'", page)
    assert described
    assert (await client.get(described[1])).json()["paths"]


async def test_the_content_security_policy_allows_no_other_host(client: httpx.AsyncClient) -> None:
    page = await client.get("/docs")
    rules = dict(rule.split(" ", 1) for rule in page.headers["content-security-policy"].split("; "))
    assert rules["default-src"] == "'none'"
    assert "http" not in " ".join(rules.values())
    assert '"validatorUrl": null' in page.text
