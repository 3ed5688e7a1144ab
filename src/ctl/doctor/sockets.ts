/**
 * The sockets: whether mailgwd answers on them, and whether Postfix's own user may connect.
 *
 * Contract: connects, reads the greeting and says QUIT; the policy service is asked about no address of ours. As root
 * the connection is tried once more in a child that runs as Postfix's user, with its group alone, as lmtp(8) does.
 */
import { execFile } from 'node:child_process';
import { connect } from 'node:net';
import { describe, EXIT, systemCode } from '../../actions/fault.ts';
import type { Config } from '../../site/config.ts';
import { lookUpUser } from '../make.ts';
import type { Owner } from '../owner.ts';
import { type Obstacle, obstacleTo } from './access.ts';
import { type Finding, fine, note, problem, skipped, warning } from './finding.ts';
import { openTalk } from './talk.ts';

const WITHIN_MS = 5000;

/** Examines them; `mailOwner` is whom Postfix runs as. */
export async function checkSockets(config: Config, mailOwner: string): Promise<Finding[]> {
  const findings = [await checkLmtp(config)];
  const { socket: policy } = config.policy;
  findings.push(
    policy === undefined ? skipped('socket.policy', 'policy.socket is empty') : await checkPolicy(policy),
  );
  findings.push(...checkStrangers(config.lmtp.socket));
  findings.push(await checkAsPostfix('socket.postfix_user', 'lmtp', config.lmtp.socket, mailOwner));
  if (policy !== undefined)
    findings.push(await checkAsPostfix('socket.policy_postfix_user', 'policy', policy, mailOwner));
  return findings;
}

async function checkLmtp(config: Config): Promise<Finding> {
  const check = 'socket.lmtp';
  const { socket } = config.lmtp;
  try {
    const talk = await openTalk({ path: socket }, WITHIN_MS);
    const { code, text } = talk.greeting;
    talk.close();
    if (code === 421) {
      return problem(check, EXIT.unavailable, {
        what: `${socket}: mailgwd says "${text}"`,
        why: 'it takes no further connection; Postfix defers',
        fix: 'mailgw-ctl stats; look at lmtp.max_connections',
      });
    }
    if (text.endsWith(' LMTP mailgw')) return fine(check, `${socket}: ${text}`);
    return problem(check, EXIT.configuration, {
      what: `${socket}: a server that is not mailgw says "${text}"`,
      why: 'Postfix delivers replies to that server',
      fix: 'give lmtp.socket a path of its own',
    });
  } catch (error) {
    return unreachable(check, socket, error);
  }
}

function unreachable(check: string, socket: string, error: unknown): Finding {
  const code = systemCode(error);
  const why = 'Postfix defers all replies until it answers; after five days it returns them';
  if (code === 'ENOENT') {
    return problem(check, EXIT.unavailable, {
      what: `${socket}: there is no such socket: mailgwd does not run, or listens elsewhere`,
      why,
      fix: 'systemctl start mailgw.socket mailgw.service',
    });
  }
  if (code === 'ECONNREFUSED') {
    return problem(check, EXIT.unavailable, {
      what: `${socket}: nobody listens: mailgwd has ended and left its socket behind`,
      why,
      fix: 'journalctl -u mailgw -n 20; systemctl start mailgw.service',
    });
  }
  if (code === 'EACCES') return skipped(check, `${socket}: this user may not connect; run doctor as root`);
  return problem(check, EXIT.unavailable, {
    what: `${socket}: ${describe(error)}`,
    why,
    fix: 'journalctl -u mailgw -n 20; systemctl restart mailgw.service',
  });
}

/** Somebody who is nobody in particular: in no group that may own a socket. */
const STRANGER = { uid: 65_534, gid: 65_534 };

/** Checks who may connect: whoever does is believed to be Postfix, behind the site's filter. */
function checkStrangers(socket: string): Finding[] {
  if (obstacleTo(socket, STRANGER, 'w') !== undefined) return [];
  return [
    problem('socket.strangers', EXIT.configuration, {
      what: `${socket}: everybody on this host may connect`,
      why: 'whoever connects is taken for Postfix: no filter has seen what they send, and they write Authentication-Results as they please',
      fix: `chmod o-w ${socket}; set lmtp.mode = "0660", or SocketMode=0660 in the .socket unit`,
    }),
  ];
}

async function checkPolicy(socket: string): Promise<Finding> {
  const check = 'socket.policy';
  try {
    const answer = await askPolicy(socket);
    if (answer === 'action=DUNNO') return fine(check, `${socket}: answers ${answer}`);
    return problem(check, EXIT.configuration, {
      what: `${socket}: answers "${answer.slice(0, 80)}" about an address that is not ours`,
      why: 'another server listens there, and decides about your mail',
      fix: 'give policy.socket a path of its own',
    });
  } catch (error) {
    return unreachable(check, socket, error);
  }
}

function askPolicy(socket: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const connection = connect(socket);
    let answer = '';
    connection.setTimeout(WITHIN_MS, () => connection.destroy(new Error('no answer within 5 s')));
    connection.on('error', reject);
    connection.on('data', (chunk) => {
      answer += chunk.toString('latin1');
      if (answer.includes('\n\n') || answer.length > 1000) connection.destroy();
    });
    connection.on('close', () => {
      resolve(answer.trim());
    });
    connection.write('request=smtpd_access_policy\nrecipient=nobody@doctor.invalid\n\n');
  });
}

async function checkAsPostfix(
  check: string,
  section: 'lmtp' | 'policy',
  socket: string,
  mailOwner: string,
): Promise<Finding> {
  if (process.getuid?.() !== 0)
    return skipped(check, 'only root can try it as another user; run doctor as root');
  const user = lookUpUser(mailOwner);
  if (user === undefined) return skipped(check, `there is no user "${mailOwner}" on this host`);
  const obstacle = obstacleTo(socket, user, 'w');
  if (obstacle?.lacks === 'existence') return skipped(check, `${obstacle.path} does not exist`);
  if (obstacle !== undefined) return denied(check, section, mailOwner, obstacle);
  const tried = await connectAs(socket, user);
  if (tried === 'connected')
    return fine(check, `${mailOwner} (${user.uid}:${user.gid}) connects to ${socket}`);
  if (tried === 'not-tried')
    return note(
      check,
      `by its modes ${mailOwner} may connect; that user cannot run ${process.execPath}, so it was not tried`,
    );
  if (tried === 'ECONNREFUSED') return skipped(check, `${socket}: nobody listens`);
  return warning(check, {
    what: `${socket}: connecting as ${mailOwner} fails with ${tried}, though the modes allow it`,
    why: 'something else keeps Postfix out: an access control list, AppArmor or SELinux',
    fix: `getfacl ${socket}; journalctl -k -n 20`,
  });
}

function denied(
  check: string,
  section: string,
  mailOwner: string,
  { path, lacks, mode, uid, gid }: Obstacle,
): Finding {
  const place = lacks === 'x' ? 'the directory' : 'the socket';
  return problem(check, EXIT.configuration, {
    what: `${place} ${path} (mode ${mode}, owner ${uid}:${gid}) keeps ${mailOwner} out: it lacks "${lacks}" there`,
    why: 'Postfix defers all replies: "Permission denied"; it connects as this user with its own group alone, whatever groups it is a member of',
    fix:
      lacks === 'x'
        ? `chgrp ${mailOwner} ${path} && chmod g+x ${path}`
        : `set ${section}.group = "${mailOwner}" and ${section}.mode = "0660" in mailgw.toml and restart mailgwd, or SocketGroup= and SocketMode= in the .socket unit`,
  });
}

const CONNECT =
  "const s=require('node:net').connect(process.argv[1]);" +
  "s.on('connect',()=>{process.stdout.write('connected');s.destroy()});" +
  "s.on('error',(e)=>process.stdout.write(String(e.code)));s.setTimeout(5000,()=>s.destroy())";

/** Connects in a child that runs as this user; the code of the error, or that the child could not run. */
function connectAs(socket: string, { uid, gid }: Owner): Promise<string> {
  return new Promise((resolve) => {
    const options = { uid, gid, cwd: '/', env: {}, timeout: 2 * WITHIN_MS };
    try {
      execFile(process.execPath, ['-e', CONNECT, socket], options, (_error, stdout) => {
        resolve(stdout === '' ? 'not-tried' : stdout);
      });
    } catch {
      resolve('not-tried');
    }
  });
}
