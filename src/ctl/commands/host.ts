/**
 * `mailgw-ctl host`: the hosts whose daemons share a store in PostgreSQL.
 *
 * Contract: one that lives is never forgotten. A store in SQLite has one daemon, and no hosts.
 */
import { EXIT, Fault } from '../../actions/fault.ts';
import { isoTime } from '../../system/iso-time.ts';
import type { CommandGroup, CommandSpec } from '../command.ts';
import { HOST_COLUMNS, hostRow } from '../host-rows.ts';
import { withStore } from '../session.ts';
import { printDone, printRows } from '../terminal/print.ts';

const COLUMNS = [
  ...HOST_COLUMNS.slice(0, 2),
  ...['version', 'schema'].map((key) => ({ key })),
  { key: 'started_at', title: 'started' },
  { key: 'seen_at', title: 'last seen' },
  { key: 'clock_ahead_ms', title: 'clock +ms' },
  ...HOST_COLUMNS.slice(2),
];

const list: CommandSpec = {
  words: 'list',
  summary:
    "list the hosts on the store: who lives, how far each clock is from the database's, and what each has leased, taken and posted",
  examples: ['list', 'list --json'],
  run: (_input, context) =>
    withStore(context, async ({ store }) => {
      const hosts = await store.listHosts();
      const none = 'No daemon has entered itself: only those on a store in PostgreSQL do.';
      printRows(context.output, hosts.map(hostRow), COLUMNS, none);
    }),
};

const forget: CommandSpec = {
  words: 'forget <name>',
  summary: 'forget a host that is gone for good, and give back what it has leased; refused while it lives',
  examples: ['forget mx2'],
  run: (input, context) =>
    withStore(context, async ({ store }) => {
      const name = input.argument();
      const result = await store.forgetHost(name);
      if (result.kind === 'unknown') {
        const names = (await store.listHosts()).map((host) => host.name);
        const known = names.length === 0 ? 'there are none' : `expected one of ${names.join(', ')}`;
        throw new Fault(EXIT.badInput, `host "${name}": is not known; ${known}`);
      }
      if (result.kind === 'live') {
        const seen = isoTime(result.seenAt) ?? '';
        throw new Fault(EXIT.unavailable, `host "${name}": was seen at ${seen}; stop its mailgwd first`);
      }
      const { givenBack } = result;
      printDone(
        context.output,
        { host: name, given_back: givenBack },
        `${name}: forgotten; ${givenBack} items given back`,
      );
    }),
};

/** The commands on hosts. */
export const hostGroup: CommandGroup = {
  name: 'host',
  summary: 'the hosts that share a store in PostgreSQL',
  commands: [list, forget],
};
