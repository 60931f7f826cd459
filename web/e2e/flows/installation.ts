/** A whole installation for one test file: the real server with its own database, and real agents. */

import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

const serverBinary = process.env.PROOFLINE_BIN;
const agentBinary = process.env.AGENT_BIN;

/** Why the flows cannot run here; nothing when they can. */
export const missing = serverBinary && agentBinary ? undefined : "PROOFLINE_BIN and AGENT_BIN do not name the binaries";

const startMs = 90_000;

export class Installation {
  readonly address: string;
  /** The one-time link of the first start. */
  readonly bootstrapLink: string;
  private readonly folder: string;
  private readonly server: ChildProcess;
  private readonly agents: ChildProcess[] = [];

  private constructor(address: string, bootstrapLink: string, folder: string, server: ChildProcess) {
    this.address = address;
    this.bootstrapLink = bootstrapLink;
    this.folder = folder;
    this.server = server;
  }

  static async start(): Promise<Installation> {
    const folder = mkdtempSync(join(tmpdir(), "proofline-e2e-"));
    // The private PostgreSQL runs as another user, who has to reach its own folder.
    chmodSync(folder, 0o755);
    const [port, metricsPort] = [await freePort(), await freePort()];
    const server = spawn(
      serverBinary as string,
      ["serve", "--dev", "--data", join(folder, "data"), "--rate-scale", "100", "--check-in-seconds", "2"],
      {
        env: {
          ...plainEnvironment(),
          PROOFLINE_LISTEN: `127.0.0.1:${port}`,
          PROOFLINE_METRICS_LISTEN: `127.0.0.1:${metricsPort}`,
        },
        stdio: ["ignore", "pipe", "pipe"],
      },
    );
    const link = await lineMatching(server, /(http:\/\/\S*bootstrap\S+)/);
    return new Installation(`http://localhost:${port}`, link, folder, server);
  }

  /** Runs the command that the console printed, on this machine, in audit mode: it only looks. */
  enrol(command: string): void {
    const code = /--code\s+(\S+)/.exec(command)?.[1];
    if (!code) throw new Error(`no code in: ${command}`);
    const state = join(this.folder, `agent-${this.agents.length}`);
    const enrolled = spawnSync(
      agentBinary as string,
      ["enroll", "--server", this.address, "--code", code, "--state-dir", state],
      {
        env: plainEnvironment(),
        encoding: "utf8",
      },
    );
    if (enrolled.status !== 0) throw new Error(`enroll: ${enrolled.stderr}`);
    this.agents.push(
      spawn(agentBinary as string, ["run", "--state-dir", state, "--cycle-s", "30"], {
        env: plainEnvironment(),
        stdio: "ignore",
      }),
    );
  }

  /** The newest link to one of our pages in a mail to this address; nothing while there is none. */
  mailedLink(to: string, page: string): string | undefined {
    const folder = join(this.folder, "data", "mail");
    if (!existsSync(folder)) return undefined;
    const mails = readdirSync(folder)
      .map((name) => join(folder, name))
      .sort((a, b) => statSync(b).mtimeMs - statSync(a).mtimeMs)
      .map((path) => readFileSync(path, "utf8"));
    // A line ends with = where quoted-printable breaks it.
    const texts = mails.filter((mail) => mail.includes(to)).map((mail) => mail.replace(/=\r?\n/g, ""));
    return texts.map((text) => new RegExp(`\\S+/${page}#\\S+`).exec(text)?.[0]).find(Boolean);
  }

  async stop(): Promise<void> {
    await Promise.all([...this.agents, this.server].map(ended));
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Nothing of the shell's own databases or settings. */
function plainEnvironment(): NodeJS.ProcessEnv {
  const { PATH, HOME, TMPDIR } = process.env;
  return { PATH, HOME, TMPDIR };
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.on("error", reject);
    probe.listen(0, "127.0.0.1", () => {
      const address = probe.address();
      probe.close(() =>
        typeof address === "object" && address ? resolve(address.port) : reject(new Error("no port")),
      );
    });
  });
}

/** Waits for a line of the server; its end before that is the error, with what it said. */
function lineMatching(child: ChildProcess, pattern: RegExp): Promise<string> {
  return new Promise((resolve, reject) => {
    let said = "";
    const timer = setTimeout(() => reject(new Error(`not ready after ${startMs} ms:\n${said}`)), startMs);
    const take = (chunk: Buffer) => {
      said += chunk.toString();
      const found = pattern.exec(said);
      if (found?.[1]) {
        clearTimeout(timer);
        resolve(found[1]);
      }
    };
    child.stdout?.on("data", take);
    child.stderr?.on("data", take);
    child.on("exit", (status) => {
      clearTimeout(timer);
      reject(new Error(`ended with ${status}:\n${said}`));
    });
  });
}

function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return Promise.resolve();
  return new Promise((resolve) => {
    const last = setTimeout(() => child.kill("SIGKILL"), 20_000);
    child.on("exit", () => {
      clearTimeout(last);
      resolve();
    });
    child.kill("SIGTERM");
  });
}
