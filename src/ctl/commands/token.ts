/** `mailgw-ctl token`: who may ask the HTTP interface, and for what. */
import { SCOPES } from '../../actions/tokens.ts';
import type { TokenHolder } from '../../store/api-access.ts';
import { isoTime } from '../../system/iso-time.ts';
import { withActions } from '../act.ts';
import type { CommandGroup, CommandSpec } from '../command.ts';
import { withStore } from '../session.ts';
import { printDone, printNote, printObject, printRows, printText, type Row } from '../terminal/print.ts';

const create: CommandSpec = {
  words: 'create <name>',
  summary: 'make a token for the HTTP interface; it is shown once',
  options: [
    {
      flags: '--scope <scopes>',
      doc: `what its holder may ask for, separated by commas: ${SCOPES.join(', ')}`,
      required: true,
    },
  ],
  examples: ['create forge --scope mint,send', 'create dashboard --scope read,events'],
  run: (input, context) =>
    withActions(context, async (act) => {
      const order = { name: input.argument(), scopes: input.required('scope') };
      const { token, holder } = await act('createToken', order);
      if (context.output.json) {
        printObject(context.output, { ...rowOf(holder), token });
        return;
      }
      printText(context.output, token);
      printNote(context.output, 'it is not shown again; send it as "Authorization: Bearer TOKEN"');
    }),
};

const list: CommandSpec = {
  words: 'list',
  summary: 'list who has a token, and for what; never the tokens',
  examples: ['list'],
  run: (_input, context) =>
    withStore(context, async ({ store }) => {
      printRows(
        context.output,
        (await store.tokens()).map(rowOf),
        [{ key: 'name' }, { key: 'scopes' }, { key: 'created_at' }],
        'Nobody has a token; "mailgw-ctl token create" makes one.',
      );
    }),
};

const revoke: CommandSpec = {
  words: 'revoke <name>',
  summary: "end a holder's token at once",
  examples: ['revoke forge'],
  run: (input, context) =>
    withActions(context, async (act) => {
      const name = input.argument();
      await act('revokeToken', { name });
      printDone(context.output, { name, revoked: true }, `the token of ${name} is refused from now on`);
    }),
};

/** The commands on API tokens. */
export const tokenGroup: CommandGroup = {
  name: 'token',
  summary: 'who may ask the HTTP interface',
  commands: [create, list, revoke],
};

function rowOf({ name, scopes, createdAt }: TokenHolder): Row {
  return { name, scopes: scopes.join(' '), created_at: isoTime(createdAt) };
}
