"""What there is to judge: two partners, each with an organisation, a site, appliances of which one found something wrong, an
order, a provider with somebody who waits for an approval, a client that asked to be left alone, and a person of every role.

People come in as people do: by an invitation whose link is read from the mail, with a password and an authenticator app.
"""

import base64
import email
import email.policy
import hashlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import time

from provider import Provider
from server import PASSWORD, Session, totp

STAFF = ("staff_admin", "staff_operator", "staff_readonly")
PARTNER = ("partner_admin", "partner_technician", "partner_billing")
PRACTICE = ("practice_owner", "practice_manager", "practice_viewer")
MAIL_SECONDS = 40
INCIDENT_SECONDS = 90


class World:
    """Everything of it is made by the first administrator, who is also the judge as `staff_admin`."""

    def __init__(self, server):
        self.server = server
        self.administrator = server.administrator()
        self.people = {"staff_admin": self.administrator}
        self.provider = Provider(server)
        self.tenants = [self._tenant(name) for name in ("Northgate", "Southgate")]

    def _tenant(self, name):
        made = self.administrator.post
        partner = made("/api/partners", {"name": f"{name} IT"})["id"]
        org = made("/api/organisations", {"partner_id": partner, "name": f"{name} Clinic"})["id"]
        site = made("/api/sites", {"org_id": org, "name": f"{name} Main", "timezone": "America/New_York"})["id"]
        code = made(f"/api/sites/{site}/codes", {"label": "for an appliance"})["code"]
        made(f"/api/sites/{site}/codes", {"label": "left open"})
        appliance = Appliance(self.server, code)
        made(f"/api/appliances/{appliance.id}/credentials", {"name": "Router", "username": "admin", "secret": "s3cret words"})
        made(f"/api/appliances/{appliance.id}/run-checks", {})
        provider = made("/api/oidc/providers", {"name": f"{name} people", "kind": "openid", "partner_id": partner,
                                                "issuer": self.provider.issuer} | Provider.CLIENT)["id"]
        self.provider.knock(provider, f"new.{name.lower()}")
        closed = made("/api/organisations", {"partner_id": partner, "name": f"{name} Closed Clinic"})["id"]
        # Without an owner nobody could open it again, and it is not closed.
        self._join(f"owner@closed.{name.lower()}.example", "practice_owner", name, {"org_id": closed})
        self.administrator.put(f"/api/organisations/{closed}/access", {"restricted": True})
        made(f"/api/organisations/{closed}/break-glass", {"reason": "because a judge asks for it", "ticket": "T-1", "hours": 1})
        self._observe(site)
        return {"name": name, "partner_id": partner, "org_id": org, "site_id": site, "appliance": appliance,
                "provider_id": provider}

    def _observe(self, site):
        """The real agent at this site, beside a file system with faults, until its first incident is there."""
        folder = self.server.folder / f"agent-{site}"
        shutil.copytree(pathlib.Path(__file__).parent / "faulty", folder / "root")
        code = self.administrator.post(f"/api/sites/{site}/codes", {"label": "for an agent"})["code"]
        agent, state = os.environ["AGENT_BIN"], ["--state-dir", folder / "state"]
        subprocess.run([agent, "enroll", "--server", self.server.origin, "--code", code, *state], check=True, capture_output=True)
        running = subprocess.Popen([agent, "run", *state, "--root", folder / "root", "--cycle-s", "3600"],
                                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            until = time.monotonic() + INCIDENT_SECONDS
            while not self.administrator.get(f"/api/incidents?site_id={site}")["items"]:
                if time.monotonic() > until:
                    raise RuntimeError("the agent told of no incident")
                time.sleep(0.5)
        finally:
            running.terminate()
            running.wait(30)

    def person(self, role, tenant=0):
        """Somebody of this role at this tenant; made once for the first tenant."""
        if tenant == 0 and role in self.people:
            return self.people[role]
        at = self.tenants[tenant]
        address = f"{role}.{tenant}@{at['name'].lower()}.example"
        place = {"partner_id": at["partner_id"]} if role in PARTNER else {"org_id": at["org_id"]} if role in PRACTICE else {}
        session = self._join(address, role, at["name"], place)
        if tenant == 0:
            self.people[role] = session
        return session

    def _join(self, address, role, name, place):
        """Whoever has this address, once they have accepted an invitation and set up a second factor."""
        self.administrator.post("/api/invitations", {"email": address, "role": role} | place)
        session = Session(self.server.origin)
        session.post("/api/auth/invitation/accept", {
            "token": self._link(address), "name": f"{name} {role}", "password": PASSWORD})
        session.protect()
        return session

    def link(self, role):
        """Somebody of this role at the first tenant, who can also come in through the provider from now on."""
        person = self.person(role)
        self.provider.link(person, self.tenants[0]["provider_id"], role)
        return person

    def proved(self, role):
        """Somebody of this role at the first tenant who has just proved a second factor."""
        person = self.person(role)
        person.prove()
        return person

    def ids(self):
        """A thing of each kind, by the name that parameters give it: the first of each list that the first partner sees, or
        else the first of all."""
        at = self.tenants[0]
        known = {"site_id": at["site_id"], "org_id": at["org_id"], "partner_id": at["partner_id"], "index": "0",
                 "appliance_id": self.tenants[1]["appliance"].id, "user_id": self.id("practice_viewer"), "actor": "Judge"}
        look = self.administrator.get
        for name, path in {"asset_id": f"/api/sites/{at['site_id']}/assets", "incident_id": "/api/incidents",
                           "order_id": "/api/orders", "provider_id": "/api/oidc/providers"}.items():
            items = look(path)["items"]
            if items:
                known[name] = items[0].get("id") or items[0][name]
        return known

    def id(self, role):
        """The id of the person of this role at the first tenant."""
        return self.person(role).get("/api/auth/session")["user"]["id"]

    def _link(self, address):
        """The token of the invitation that was mailed to the address."""
        until = time.monotonic() + MAIL_SECONDS
        while time.monotonic() < until:
            for path in (self.server.folder / "data" / "mail").glob("*"):
                mail = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
                body = mail.get_body(("plain",)) if mail["To"] and address in mail["To"] else None
                found = re.search(r"/invitation#(\S+)", body.get_content()) if body else None
                if found:
                    return found[1]
            time.sleep(0.2)
        raise RuntimeError(f"no invitation came to {address}")

    def token(self):
        """What a program sends that may do whatever can be given to a token."""
        actions = self.administrator.get("/api/tokens/actions")["items"]
        token = self.administrator.post("/api/tokens", {"name": "Judge", "actions": actions, "expires_in_days": 1})["token"]
        return {"Authorization": f"Bearer {token}"}


class Appliance:
    """An appliance that claimed itself with a key of its own; `openssl` signs for it."""

    def __init__(self, server, code):
        self.key = server.folder / f"appliance-{hashlib.sha256(code.encode()).hexdigest()[:8]}.pem"
        subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", self.key], check=True, capture_output=True)
        der = subprocess.run(["openssl", "pkey", "-in", self.key, "-pubout", "-outform", "DER"],
                             check=True, capture_output=True).stdout
        # The key is the last 32 bytes of its RFC 8410 form.
        self.public_key = der[-32:]
        # Asked again with the same key, it is answered the same.
        self.claim = {
            "code": code, "public_key": base64.b64encode(self.public_key).decode(), "hostname": "judge",
            "machine_id_digest": hashlib.sha256(code.encode()).hexdigest(), "platform": "Linux", "agent_version": "1.0.0",
        }
        data = json.dumps(self.claim).encode()
        self.id = Session(server.origin).send("POST", "/api/provision/claim", data, {
            "Content-Type": "application/json"} | self.signed("POST", "/api/provision/claim", "", data))["appliance"]

    def signed(self, method, path, query, data):
        """What a request of it carries besides, as `crates/protocol` says."""
        digest = f"sha-256=:{base64.b64encode(hashlib.sha256(data).digest()).decode()}:"
        nonce = base64.urlsafe_b64encode(os.urandom(16)).rstrip(b"=").decode()
        params = ('("@method" "@path" "@query" "content-digest")'
                  f';created={int(time.time())};nonce="{nonce}";keyid="{hashlib.sha256(self.public_key).hexdigest()}"'
                  ';alg="ed25519";tag="proofline-agent"')
        with tempfile.NamedTemporaryFile() as message:
            message.write((f'"@method": {method}\n"@path": {path}\n"@query": ?{query}\n"content-digest": {digest}\n'
                           f'"@signature-params": {params}').encode())
            message.flush()
            signature = subprocess.run(["openssl", "pkeyutl", "-sign", "-rawin", "-inkey", self.key, "-in", message.name],
                                       check=True, capture_output=True).stdout
        return {"Content-Digest": digest, "Signature-Input": f"sig1={params}",
                "Signature": f"sig1=:{base64.b64encode(signature).decode()}:"}
