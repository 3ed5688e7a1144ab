// Hosts in network namespaces of their own, each with one link to ours that can be cut: what a partition is.
//
// Contract: makeNetworks gives so many; they go with the scratch. A link that is cut drops what is sent, as a cable that is
// pulled out does: nobody is told.
// Failure: networksUnavailable() says why the machine cannot have them; the tests skip with that sentence.

import { existsSync } from 'node:fs';
import { run, runOk } from '../support/process.ts';
import type { Scratch } from '../support/scratch.ts';

/** The address at which all hosts reach us: no link's own, which would go with its link. */
export const CENTRE = '198.18.199.1';

/** The addresses of all of this: a range for such tests (RFC 2544). */
export const RANGE = '198.18.0.0/15';

/** A host's network. */
export interface Network {
  /** The command that a process of the host runs within. */
  readonly within: readonly string[];
  /** Cuts the link, or mends it. */
  link(state: 'up' | 'down'): Promise<void>;
}

/** Why there can be no networks here, or false if there can: the value of a test's `skip`. */
export async function networksUnavailable(): Promise<string | false> {
  if (process.getuid?.() !== 0) return 'unavailable: network namespaces are made by root';
  if (!existsSync('/usr/sbin/ip') && !existsSync('/sbin/ip')) return 'unavailable: iproute2 is not installed';
  const name = `mailgw-probe-${process.pid}`;
  const { code, stderr } = await run('ip', ['netns', 'add', name]);
  if (code !== 0) return `unavailable: ${stderr.trim()}`;
  await run('ip', ['netns', 'delete', name]);
  return false;
}

/** Makes so many hosts' networks. */
export async function makeNetworks(scratch: Scratch, count: number): Promise<readonly Network[]> {
  const networks: Network[] = [];
  await run('ip', ['address', 'add', `${CENTRE}/32`, 'dev', 'lo']);
  scratch.defer(async () => {
    await run('ip', ['address', 'delete', `${CENTRE}/32`, 'dev', 'lo']);
  });
  for (let at = 0; at < count; at++) networks.push(await makeNetwork(scratch, at));
  return networks;
}

/** Names of links have at most 15 characters. */
async function makeNetwork(scratch: Scratch, at: number): Promise<Network> {
  const name = `mgw${process.pid}h${at}`;
  const [ours, theirs] = [`mg${process.pid}o${at}`, `mg${process.pid}t${at}`];
  const subnet = `198.18.${200 + at}`;
  await runOk('ip', ['netns', 'add', name]);
  scratch.defer(async () => {
    await run('ip', ['netns', 'delete', name]);
    await run('ip', ['link', 'delete', ours]);
  });
  await runOk('ip', ['link', 'add', ours, 'type', 'veth', 'peer', 'name', theirs, 'netns', name]);
  await runOk('ip', ['address', 'add', `${subnet}.1/24`, 'dev', ours]);
  await runOk('ip', ['link', 'set', ours, 'up']);
  const inside = (...args: readonly string[]): Promise<string> => runOk('ip', ['-n', name, ...args]);
  await inside('address', 'add', `${subnet}.2/24`, 'dev', theirs);
  await inside('link', 'set', theirs, 'up');
  await inside('link', 'set', 'lo', 'up');
  await inside('route', 'add', 'default', 'via', `${subnet}.1`);
  return {
    within: ['ip', 'netns', 'exec', name],
    link: async (state) => {
      await runOk('ip', ['link', 'set', ours, state]);
    },
  };
}
