/**
 * A certified OpenID provider on loopback, for tests of signing in with one. It takes any name and password; whoever
 * signs in there has the address `<name>@clinic.example`. Prints its issuer once it listens, and ends with its standard
 * input.
 *
 * Usage: node openid-provider.mjs <redirect uri>
 */

import { createServer } from "node:http";
import process from "node:process";
import Provider from "oidc-provider";

const [redirectUri] = process.argv.slice(2);

const server = createServer();
server.listen(0, "127.0.0.1", () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const provider = new Provider(issuer, {
    clients: [
      {
        client_id: "proofline-test",
        client_secret: "melon ferry thirteen",
        redirect_uris: [redirectUri],
        response_types: ["code"],
      },
    ],
    pkce: { required: () => true },
    claims: { openid: ["sub"], email: ["email", "email_verified"], profile: ["name"] },
    findAccount: (_context, id) => ({
      accountId: id,
      claims: () => ({ sub: id, email: `${id}@clinic.example`, email_verified: true, name: `Dr ${id}` }),
    }),
    cookies: { keys: ["for tests alone"] },
  });
  server.on("request", provider.callback());
  process.stdout.write(`${issuer}\n`);
});

process.stdin.resume();
process.stdin.on("end", () => process.exit(0));
