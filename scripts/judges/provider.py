"""A certified OpenID provider on loopback, and a browser that signs in at its pages."""

import re
import subprocess
import threading
import urllib.error
import urllib.parse

from server import BROWSER, Session, read_cookies

CALLBACK = "/api/auth/oidc/callback"
# More pages and redirects than a sign-in has.
MOST_STEPS = 12


class Provider:
    """`web/scripts/openid-provider.mjs`; whoever signs in there has an address of clinic.example. It ends with the server."""

    CLIENT = {"client_id": "proofline-test", "client_secret": "melon ferry thirteen", "allowed_domains": ["clinic.example"]}

    def __init__(self, server):
        self.origin = server.origin
        process = subprocess.Popen(["node", "scripts/openid-provider.mjs", server.origin + CALLBACK], cwd="web",
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        server.beside(process)
        self.issuer = process.stdout.readline().strip()
        if not self.issuer:
            raise RuntimeError("the provider did not start")
        # A full pipe would stop it.
        threading.Thread(target=process.stdout.read, daemon=True).start()

    def knock(self, provider_id, name):
        """Somebody whom nobody knows yet signs in through the provider: they wait for an approval."""
        stranger = Session(self.origin)
        begun = stranger.post(f"/api/auth/providers/{provider_id}/start", {})
        self._finish(stranger, begun, name, "awaiting_approval")

    def link(self, person, provider_id, name):
        """Whoever is signed in links what they are called at the provider."""
        begun = person.post("/api/auth/identities/link", {"provider_id": provider_id, "return_to": "/account"})
        self._finish(person, begun, name, "/account")

    def _finish(self, session, begun, name, ends):
        where = self._visit(begun["authorization_url"], name)
        try:
            session.ask("GET", where)
        except urllib.error.HTTPError as sent:
            if sent.code == 303 and ends in sent.headers["Location"]:
                return
            raise RuntimeError(f"coming back was answered with {sent.code} {sent.headers['Location']}") from sent
        raise RuntimeError("coming back led nowhere")

    def _visit(self, url, name):
        """Fills in the forms; where on our side the provider sends the browser to."""
        cookies, form = {}, None
        for _ in range(MOST_STEPS):
            request = urllib.request.Request(url, form, {
                "Accept": "text/html", "Cookie": "; ".join(f"{key}={value}" for key, value in cookies.items())})
            try:
                answer = BROWSER.open(request, timeout=30)
            except urllib.error.HTTPError as refusal:
                answer = refusal
            with answer:
                cookies |= read_cookies(answer)
                page, location = answer.read().decode(), answer.headers["Location"]
            if location:
                url, form = urllib.parse.urljoin(url, location), None
                if url.startswith(self.origin + CALLBACK):
                    return url.removeprefix(self.origin)
                continue
            url = urllib.parse.urljoin(url, re.search(r'action="([^"]+)"', page)[1])
            prompt = re.search(r'name="prompt" value="([^"]+)"', page)[1]
            form = urllib.parse.urlencode({"prompt": prompt, "login": name, "password": "anything"}).encode()
        raise RuntimeError("the provider goes round in circles")
