/**
 * `mailgw-ctl doctor`: what is wrong, why it matters, and the command that mends it.
 *
 * Contract: examines, and changes nothing; only `--smtp` sends a message, which never becomes a post. Every check ends in
 * one finding at least, whatever the others found. 0 when there is no problem, else the status of the worst.
 */

import { badInput, usage } from '../../actions/fault.ts';
import { parsePlace } from '../../config/kinds.ts';
import type { CommandSpec } from '../command.ts';
import type { Examination } from '../doctor/examine.ts';
import { concludeFindings, printFinding } from '../doctor/report.ts';
import { readMessageFile } from '../message-file.ts';

const DEFAULT_WAIT_SECONDS = 15;
const MOST_WAIT_SECONDS = 3600;

/** `doctor`. */
export const doctorCommand: CommandSpec = {
  words: 'doctor',
  summary:
    'examine configuration, files, sockets, Postfix, store and platform, and say how to mend what is wrong',
  options: [
    { flags: '--postfix-config <dir>', doc: "the directory of Postfix's main.cf (default: /etc/postfix)" },
    {
      flags: '--message <file>',
      doc: 'a message that came through your filter, to compare sender.authserv_id with',
    },
    {
      flags: '--smtp <host:port>',
      doc: 'send a probe the whole way through Postfix; it never becomes a post',
    },
    { flags: '--user <user>', doc: 'with --smtp: whose address the probe is sent to' },
    {
      flags: '--wait <seconds>',
      doc: `with --smtp: how long to wait for it (default: ${DEFAULT_WAIT_SECONDS})`,
    },
  ],
  examples: [
    'doctor',
    'doctor --smtp 127.0.0.1:25',
    'doctor --message reply.eml --postfix-config /etc/postfix-in --json',
  ],
  run: async (input, context) => {
    const message = input.text('message');
    const given = input.text('smtp');
    const smtp = parsePlace(given);
    if (given !== undefined && smtp === undefined)
      throw badInput(`--smtp "${given}": expected a host and a port such as 127.0.0.1:25`);
    if (smtp === undefined && (input.text('user') ?? input.text('wait')) !== undefined)
      throw usage('doctor: --user and --wait are for the probe that --smtp sends');
    const wait = input.text('wait') ?? String(DEFAULT_WAIT_SECONDS);
    if (!/^\d{1,4}$/.test(wait) || Number(wait) > MOST_WAIT_SECONDS)
      throw badInput(`--wait "${wait}": expected whole seconds, at most ${MOST_WAIT_SECONDS}`);
    const examination: Examination = {
      configPath: context.configPath,
      postfixDirectory: input.text('postfixConfig'),
      message: message === undefined ? undefined : readMessageFile(message),
      roundTrip:
        smtp === undefined ? undefined : { smtp, user: input.text('user'), waitMs: Number(wait) * 1000 },
    };
    const { examine } = await import('../doctor/examine.ts');
    const findings = [];
    for await (const finding of examine(examination)) {
      printFinding(context.output, finding);
      findings.push(finding);
    }
    concludeFindings(findings);
  },
};
