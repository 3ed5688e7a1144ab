// Illnesses of mailgw's own: its configuration, its files, its sockets, its store, and the servers that it asks.

import { chmodSync, chownSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import Sqlite from 'better-sqlite3';
import { runOk } from '../support/process.ts';
import { ALICE } from '../support/site.ts';
import { type Illness, moded, type Patient, renamed, STRICT, serving } from './illness.ts';

/** Makes the service one that runs as Postfix's user, with a sink's secret of `secretUid`; takes it back. */
function serveAsPostfix({ scratch, postfixUid }: Patient, secretUid: number): () => void {
  const files = [scratch.directory, scratch.path('pepper')];
  for (const file of files) chownSync(file, postfixUid, 0);
  chownSync(scratch.path('webhook.secret'), secretUid, 0);
  return () => {
    for (const file of [...files, scratch.path('webhook.secret')]) chownSync(file, 0, 0);
  };
}

/** A sink whose platform is there, and whose key is not what it should be. */
export const LACKING_SINK = `
export const createSink = () => ({
  deliver: async () => ({ kind: 'posted', diagnostic: '' }), close: async () => {},
  examine: async () => ({
    status: 403, diagnostic: '403 Forbidden', postsAs: 'the user of each reply',
    lack: { what: 'the key may not post as another user', fix: "give the account of the key the administrator's role" },
  }),
});
`;

/** In the order of doctor's checks. */
export const SITE_ILLNESSES: readonly Illness[] = [
  // ---- Configuration and files
  {
    name: 'a key that is no setting',
    settings: { reply: { maxage: '30d' } },
    check: 'configuration',
    what: /reply\.maxage: unknown key.*reply\.max_age/,
    fix: /config check/,
    code: 78,
  },
  {
    name: 'a configuration that anybody may write',
    plant: ({ scratch }) => moded(scratch.path('doctor.toml'), 0o666, 0o644),
    check: 'files.configuration',
    what: /mode 0666/,
    fix: /chmod go-w/,
    code: 78,
  },
  {
    name: 'a store in a directory that anybody may write',
    settings: ({ scratch }) => ({ store: { path: scratch.path('open', 'mailgw.db') } }),
    plant: ({ scratch }) => {
      mkdirSync(scratch.path('open'));
      return moded(scratch.path('open'), 0o777, 0o755);
    },
    check: 'files.store',
    what: /open has mode 0777: everybody may write it/,
    fix: /chmod o-w \S+open/,
    code: 78,
  },
  {
    name: 'an LMTP socket that anybody may connect to',
    plant: ({ daemon }) => moded(daemon.socket, 0o666, 0o660),
    check: 'socket.strangers',
    what: /everybody on this host may connect/,
    fix: /chmod o-w \S+; set lmtp\.mode = "0660"/,
    code: 78,
  },
  {
    name: 'a configuration that the service cannot read',
    plant: ({ scratch, postfixUid }) => {
      const secrets = [scratch.directory, scratch.path('pepper'), scratch.path('webhook.secret')];
      for (const file of secrets) chownSync(file, postfixUid, 0);
      chmodSync(scratch.path('doctor.toml'), 0o600);
      return () => {
        for (const file of secrets) chownSync(file, 0, 0);
        chmodSync(scratch.path('doctor.toml'), 0o644);
      };
    },
    check: 'files.configuration',
    what: /doctor\.toml \(mode 0600, owner 0:0\) keeps user \d+ out/,
    fix: /chgrp \d+ \S+doctor\.toml && chmod g\+r/,
    code: 78,
  },
  {
    name: 'a configuration of somebody who is not concerned',
    plant: ({ scratch }) => {
      chownSync(scratch.path('doctor.toml'), 12_345, 0);
      return () => {
        chownSync(scratch.path('doctor.toml'), 0, 0);
      };
    },
    check: 'files.configuration',
    what: /belongs to user 12345, who is neither root nor user 0/,
    fix: /chown root/,
    code: 0,
  },
  {
    name: 'a pepper in a directory that the service cannot enter',
    settings: ({ scratch }) => ({ reply: { pepper_file: scratch.path('closed', 'pepper') } }),
    plant: ({ scratch, postfixUid }) => {
      mkdirSync(scratch.path('closed'), { mode: 0o700 });
      writeFileSync(scratch.path('closed', 'pepper'), readFileSync(scratch.path('pepper')), { mode: 0o600 });
      chownSync(scratch.path('closed', 'pepper'), postfixUid, 0);
      const others = [scratch.directory, scratch.path('webhook.secret')];
      for (const file of others) chownSync(file, postfixUid, 0);
      return () => {
        for (const file of others) chownSync(file, 0, 0);
        rmSync(scratch.path('closed'), { recursive: true });
      };
    },
    check: 'files.pepper',
    what: /pepper: the directory \S+closed \(mode 0700, owner 0:0\) keeps user \d+ out/,
    fix: /chmod g\+x/,
    code: 78,
  },
  {
    name: 'a credential of a service that does not run',
    settings: { reply: { pepper_file: '/run/credentials/mailgw-doctor-test.service/pepper' } },
    check: 'files.pepper',
    what: /cannot be read: ENOENT/,
    fix: /systemctl start mailgw\.service/,
    code: 78,
  },
  {
    name: 'no pepper',
    plant: ({ scratch }) => renamed(scratch.path('pepper')),
    check: 'files.pepper',
    what: /pepper: cannot be read: ENOENT/,
    fix: /backup.*mailgw-ctl init/,
    code: 78,
  },
  {
    name: 'a pepper that others can read',
    plant: ({ scratch }) => moded(scratch.path('pepper'), 0o644, 0o600),
    check: 'files.pepper',
    what: /mode 0644 lets group or world in/,
    fix: /chmod 0600 \S+pepper/,
    code: 78,
  },
  {
    name: "a sink's secret of somebody else",
    plant: (patient) => serveAsPostfix(patient, 1),
    check: 'files.sink_secret',
    what: /webhook\.secret belongs to user 1; mailgwd runs as user \d+/,
    fix: /chown \d+ \S+webhook\.secret/,
    code: 78,
  },
  {
    name: "a secret that is root's alone, with no service that is given it",
    plant: (patient) => serveAsPostfix(patient, 0),
    check: 'files.sink_secret',
    what: /webhook\.secret is root's alone, and no running service of mailgw has a credential "webhook\.secret"/,
    fix: /systemctl restart mailgw\.service/,
    code: 78,
  },
  {
    name: 'a store that root made for the service',
    plant: ({ scratch, postfixUid }) => {
      chownSync(scratch.path('mailgw.db'), postfixUid, 0);
      return () => {
        chownSync(scratch.path('mailgw.db'), 0, 0);
      };
    },
    check: 'files.store',
    what: /mailgw\.db belongs to user \d+, its directory to user 0/,
    fix: /chown 0:0/,
    code: 74,
  },
  {
    name: 'no directory for the store',
    settings: ({ scratch }) => ({ store: { path: scratch.path('gone', 'mailgw.db') } }),
    check: 'files.store',
    what: /gone does not exist/,
    fix: /mailgw-ctl init/,
    code: 73,
  },
  {
    name: 'a directory of the socket that anybody may write',
    plant: ({ scratch }) => moded(scratch.path('queue', 'mailgw'), 0o777, 0o755),
    check: 'files.socket_directory',
    what: /mode 0777/,
    fix: /chmod o-w/,
    code: 78,
  },
  // ---- Sockets
  {
    name: 'a daemon that listens elsewhere',
    settings: ({ scratch }) => ({ lmtp: { socket: scratch.path('queue', 'mailgw', 'other.sock') } }),
    check: 'socket.lmtp',
    what: /no such socket/,
    fix: /systemctl start/,
    code: 78,
  },
  {
    name: 'a socket that a dead daemon left',
    plant: async ({ daemon }) => {
      await daemon.kill9();
      return () => daemon.start();
    },
    check: 'socket.lmtp',
    what: /nobody listens/,
    fix: /journalctl -u mailgw/,
    code: 69,
  },
  {
    name: 'another server on the socket',
    settings: ({ scratch }) => ({ lmtp: { socket: scratch.path('queue', 'mailgw', 'dovecot.sock') } }),
    plant: ({ scratch }) =>
      serving(scratch.path('queue', 'mailgw', 'dovecot.sock'), '220 mx Dovecot ready.\r\n'),
    check: 'socket.lmtp',
    what: /not mailgw says "220 mx Dovecot ready\."/,
    fix: /lmtp\.socket/,
    code: 78,
  },
  {
    name: "a socket that Postfix's user may not write",
    plant: ({ daemon }) => moded(daemon.socket, 0o600, 0o660),
    check: 'socket.postfix_user',
    what: /the socket \S+lmtp\.sock \(mode 0600, owner 0:\d+\) keeps postfix out/,
    fix: /lmtp\.group = "postfix"/,
    code: 78,
  },
  {
    name: "a directory above the socket that Postfix's user may not pass",
    plant: ({ scratch }) => moded(scratch.path('queue'), 0o700, 0o755),
    check: 'socket.postfix_user',
    what: /the directory \S+queue \(mode 0700, owner 0:0\) keeps postfix out: it lacks "x"/,
    fix: /chgrp postfix \S+queue && chmod g\+x/,
    code: 78,
  },
  {
    name: 'a policy service that is no policy service',
    settings: ({ scratch }) => ({ policy: { socket: scratch.path('queue', 'mailgw', 'p.sock') } }),
    plant: ({ scratch }) => serving(scratch.path('queue', 'mailgw', 'p.sock'), 'action=REJECT\n\n'),
    check: 'socket.policy',
    what: /answers "action=REJECT"/,
    fix: /policy\.socket/,
    code: 78,
  },
  // ---- Store, clock, servers
  {
    name: 'a damaged store',
    settings: ({ scratch }) => ({ store: { path: scratch.path('damaged', 'mailgw.db') } }),
    plant: async ({ scratch }) => {
      await runOk('mkdir', ['-p', scratch.path('damaged')]);
      const path = scratch.path('damaged', 'mailgw.db');
      const source = new Sqlite(scratch.path('mailgw.db'), { readonly: true });
      await source.backup(path);
      source.close();
      const bytes = readFileSync(path);
      writeFileSync(path, bytes.fill(0x5a, 4096 * 3, 4096 * 8), { mode: 0o600 });
      return () => {
        rmSync(scratch.path('damaged'), { recursive: true });
      };
    },
    check: 'store.integrity',
    what: /damage|malformed/,
    fix: /db restore FILE/,
    code: 74,
  },
  {
    name: 'a file system that is mounted read-only',
    settings: ({ scratch }) => ({ store: { path: scratch.path('readonly', 'mailgw.db') } }),
    plant: async ({ scratch }) => {
      const place = scratch.path('readonly');
      mkdirSync(place, { recursive: true });
      await runOk('mount', ['-t', 'tmpfs', '-o', 'size=16m,mode=0755', 'tmpfs', place]);
      const source = new Sqlite(scratch.path('mailgw.db'), { readonly: true });
      await source.backup(`${place}/mailgw.db`);
      source.close();
      chmodSync(`${place}/mailgw.db`, 0o600);
      await runOk('mount', ['-o', 'remount,ro', place]);
      return async () => {
        await runOk('umount', [place]);
      };
    },
    check: 'store.integrity',
    what: /mounted read-only; mount it read-write/,
    fix: /^findmnt -T/,
    code: 74,
  },
  {
    name: 'a full disk',
    settings: { store: { low_water: '900000GiB' } },
    check: 'store.space',
    what: /MiB are free, store\.low_water is/,
    fix: /df -h/,
    code: 74,
  },
  {
    name: 'a clock that was set back',
    plant: ({ scratch }) => {
      const database = new Sqlite(scratch.path('mailgw.db'));
      database.exec(`INSERT INTO item (id, state, head, user, thread, replied_to_at, reverse_path, received_at, attempts,
        worker_deaths, bytes, sender_policy, sender_result) VALUES ('future', 'held', 0, 'alice', 't', 0, '',
        ${Date.now() + 86_400_000}, 0, 0, 0, 'off', 'none')`);
      return () => {
        database.exec("DELETE FROM item WHERE id = 'future'");
        database.close();
      };
    },
    check: 'clock',
    what: /1 items were received after now/,
    fix: /timedatectl/,
    code: 69,
  },
  {
    name: 'users who are all disabled',
    plant: async ({ daemon }) => {
      await daemon.ctl('user', 'disable', ALICE.user);
      return async () => {
        await daemon.ctl('user', 'enable', ALICE.user);
      };
    },
    check: 'store.users',
    what: /all 1 users are disabled/,
    fix: new RegExp(`user enable ${ALICE.user}`),
    code: 0,
  },
  {
    name: 'a user who can write from nowhere',
    settings: STRICT,
    main: { content_filter: 'scan:[127.0.0.1]:10025' },
    plant: async ({ daemon }) => {
      await daemon.ctl('user', 'add', 'bob');
      return async () => {
        await daemon.ctl('user', 'remove', 'bob', '--yes');
      };
    },
    check: 'store.users',
    what: /of 2 users 1 have no address: bob/,
    fix: /user set bob --address/,
    code: 0,
  },
  {
    name: 'a platform that does not run',
    settings: { sink: { url: 'http://127.0.0.1:1/hooks' } },
    check: 'sink.reachable',
    what: /http:\/\/127\.0\.0\.1:1\/hooks: .*ECONNREFUSED/,
    fix: /start the platform/,
    code: 69,
  },
  {
    name: 'a key that lacks a right on the platform',
    settings: ({ scratch }) => ({ sink: { type: scratch.path('lacking.mjs') } }),
    plant: ({ scratch }) => {
      writeFileSync(scratch.path('lacking.mjs'), LACKING_SINK, { mode: 0o644 });
      return () => {
        rmSync(scratch.path('lacking.mjs'));
      };
    },
    check: 'sink.rights',
    what: /^the key may not post as another user \(http:\S+: 403 Forbidden\)$/,
    fix: /^give the account of the key the administrator's role$/,
    code: 78,
  },
  {
    name: 'a spamd that does not run',
    settings: { spam: { source: 'spamd', spamd: '127.0.0.1:1' } },
    check: 'spamd',
    what: /127\.0\.0\.1:1: /,
    fix: /systemctl start spamd/,
    code: 69,
  },
  {
    name: 'nobody who sends notices',
    settings: { notice: { kinds: ['refused'], server: '127.0.0.1:1' } },
    check: 'notice.server',
    what: /127\.0\.0\.1:1: .*ECONNREFUSED/,
    fix: /start Postfix/,
    code: 69,
  },
  {
    name: 'nobody who sends notifications',
    settings: { outbound: { relay: '127.0.0.1:1' } },
    check: 'outbound.relay',
    what: /^outbound\.relay: 127\.0\.0\.1:1: .*ECONNREFUSED/,
    fix: /^start Postfix, mend outbound\.relay$/,
    code: 69,
  },
  {
    name: 'a queue that somebody paused',
    plant: async ({ daemon }) => {
      await daemon.ctl('queue', 'pause');
      return async () => {
        await daemon.ctl('queue', 'resume');
      };
    },
    check: 'queue.paused',
    what: /the queue is paused/,
    fix: /queue resume/,
    code: 0,
  },
  {
    name: 'a Postfix that takes no mail',
    args: () => ['--smtp', '127.0.0.1:1'],
    check: 'round_trip.smtp',
    what: /127\.0\.0\.1:1: .*ECONNREFUSED/,
    fix: /postfix start/,
    code: 69,
  },
];
