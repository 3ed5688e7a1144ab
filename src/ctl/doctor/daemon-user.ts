/**
 * Whom the running mailgwd runs as: root is more than it needs.
 *
 * Contract: the owner of the control socket is who made it, and a daemon makes it anew at each start. One that nobody
 * serves any more tells nothing; one that this process may not connect to counts as served.
 */
import { statSync } from 'node:fs';
import { connect } from 'node:net';
import { dirname } from 'node:path';
import { systemCode } from '../../actions/fault.ts';
import { adminSocketPath } from '../../api/admin.ts';
import type { Config } from '../../site/config.ts';
import { type Service, serviceOf } from '../socket-units.ts';
import { type Finding, fine, skipped, warning } from './finding.ts';

/** Examines it. */
export async function checkDaemonUser({ store }: Config, configPath: string): Promise<Finding> {
  const check = 'daemon.user';
  const path = adminSocketPath(store.path);
  const uid = statSync(path, { throwIfNoEntry: false })?.uid;
  if (uid === undefined || !(await isServed(path))) return skipped(check, `no mailgwd serves ${path}`);
  if (uid !== 0) return fine(check, `mailgwd runs as user ${uid}`);
  return warning(check, {
    what: `mailgwd runs as root: ${path}, which it made, is root's`,
    why: 'whoever takes it over, by a hostile mail or a module of yours, has the whole host',
    fix: fixOf(serviceOf(configPath), dirname(store.path)),
  });
}

/** Says how a service of its own user takes over. */
function fixOf(service: Service | undefined, directory: string): string {
  const chown = `chown -R mailgw: ${directory}`;
  if (service === undefined)
    return `stop it, ${chown}, and have systemd start it: mailgw.service has User=mailgw`;
  const { name, user } = service;
  if (user === undefined || user === 'root')
    return `systemctl stop ${name}; systemctl edit ${name}: [Service] User=mailgw Group=mailgw, a line each; ${chown}; systemctl start ${name}`;
  return `stop the mailgwd that root started, chown -R ${user}: ${directory}; systemctl start ${name}, which has User=${user}`;
}

/** Tells whether somebody listens there. */
function isServed(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.on('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', (error) => {
      resolve(systemCode(error) === 'EACCES');
    });
  });
}
