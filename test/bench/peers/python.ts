/**
 * The Python peer: aiosmtpd-peer.py under the first interpreter that has aiosmtpd (Debian's package is
 * python3-aiosmtpd, which a python3 from elsewhere on PATH does not see).
 */
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { launchPeer, type Peer, socketPath } from './peer.ts';

const INTERPRETERS = ['python3', '/usr/bin/python3'];

/** aiosmtpd + email + SQLite, one commit per mail. */
export const python: Peer = {
  name: 'python',
  label: 'aiosmtpd (LMTP) + email parser + SQLite, one synchronous=FULL commit per mail',
  durable: true,
  async start(context) {
    const interpreter = INTERPRETERS.find((each) => versionUnder(each) !== undefined);
    if (interpreter === undefined) return { missing: 'no python3 with aiosmtpd (Debian: python3-aiosmtpd)' };
    const target = { path: socketPath(context) };
    const script = path.join(context.sourceDirectory, 'peers', 'aiosmtpd-peer.py');
    const database = path.join(context.directory, 'mail.db');
    return launchPeer(context, interpreter, [script, target.path, database], { target });
  },
};

/** Version line of the interpreter and its aiosmtpd, `undefined` where there is none. */
export function pythonVersion(): string | undefined {
  return INTERPRETERS.map(versionUnder).find((version) => version !== undefined);
}

function versionUnder(interpreter: string): string | undefined {
  const program =
    'import aiosmtpd,sys; print(f"Python {sys.version.split()[0]}, aiosmtpd {aiosmtpd.__version__}")';
  const ran = spawnSync(interpreter, ['-c', program], { encoding: 'utf8' });
  return ran.status === 0 ? ran.stdout.trim() : undefined;
}
