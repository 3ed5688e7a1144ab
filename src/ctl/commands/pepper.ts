/**
 * `mailgw-ctl pepper`: the installation's secret, and which one the store's addresses rest on.
 *
 * Contract: a pepper is never printed, only a fingerprint by which two outputs can be compared. `accept` gives the word
 * that a store needs before another pepper counts, and says what it voids.
 */
import { listPeppers } from '../../actions/peppers.ts';
import { pepperFingerprint } from '../../mail/token.ts';
import { acceptPepper, judgePeppers, type OtherPeppers, showPepper } from '../../site/pepper.ts';
import type { SecretSession } from '../../site/session.ts';
import { isoTime } from '../../system/iso-time.ts';
import type { CommandGroup, CommandSpec } from '../command.ts';
import { withPepper } from '../session.ts';
import { confirm, YES_OPTION } from '../terminal/confirm.ts';
import { printDone, printRows } from '../terminal/print.ts';

const list: CommandSpec = {
  words: 'list',
  summary: 'list the peppers that addresses were minted under, by fingerprint, and those in the files',
  examples: ['list', 'list --json'],
  run: (_input, context) =>
    withPepper(context, async (session) => {
      const rows = (await listPeppers(session)).map(({ fingerprint, isInForce, isInFile, acceptedAt }) => ({
        pepper_fingerprint: fingerprint,
        in_force: isInForce,
        in_file: isInFile,
        accepted_at: isoTime(acceptedAt),
      }));
      printRows(
        context.output,
        rows,
        [
          { key: 'pepper_fingerprint', title: 'fingerprint' },
          { key: 'in_force' },
          { key: 'in_file', title: session.config.reply.pepperFile.join(', ') },
          { key: 'accepted_at' },
        ],
        '',
      );
    }),
};

const accept: CommandSpec = {
  words: 'accept',
  summary: 'let the first pepper of reply.pepper_file mint, which voids what a lost one minted',
  options: [YES_OPTION],
  examples: ['accept', 'accept --yes'],
  run: (input, context) =>
    withPepper(context, async (session) => {
      const { peppers, store } = session;
      const [{ bytes: pepper }] = peppers;
      const standing = await judgePeppers(store, peppers);
      if (standing.kind === 'other') {
        await confirm(input, context.output, `pepper accept: ${await voided(session, standing)}`);
      }
      if (standing.kind !== 'in-force') await acceptPepper(store, pepper, Date.now());
      const shown = showPepper(pepperFingerprint(pepper));
      printDone(
        context.output,
        { pepper_fingerprint: shown, accepted: standing.kind !== 'in-force' },
        standing.kind === 'in-force'
          ? `the pepper ${shown} is in force already`
          : `the pepper ${shown} is in force; a mailgwd that has read it takes mail from now on, another one after "mailgw-ctl reload"`,
      );
    }),
};

/** Puts the costs of an acceptance into words. */
async function voided(
  { store, peppers: [{ bytes, file }] }: SecretSession,
  { inForce, earlierAt }: OtherPeppers,
): Promise<string> {
  const users = (await store.listUsers()).length;
  const isBack = earlierAt === undefined ? '' : ', an earlier one';
  return (
    `every address that was minted under ${showPepper(inForce.fingerprint)} since ${String(isoTime(inForce.acceptedAt))} is void, ` +
    `of all ${users} users, once ${showPepper(pepperFingerprint(bytes))} in ${file}${isBack} is in force`
  );
}

/** The commands on the pepper. */
export const pepperGroup: CommandGroup = {
  name: 'pepper',
  summary: "the installation's secret, which every reply address rests on",
  commands: [list, accept],
};
