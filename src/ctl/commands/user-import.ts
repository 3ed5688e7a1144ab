/**
 * `mailgw-ctl user import`: takes the users of the platform into the directory.
 *
 * Contract: the list is read to its end before the store is opened, so that a list that breaks off changes nothing. Each
 * user who cannot be taken in is told on standard error, and the status is 65 then. The daemon may run or not.
 */
import { EXIT, Fault, usage } from '../../actions/fault.ts';
import { type Imported, importUsers, readPlatformUsers } from '../../actions/import-users.ts';
import type { ConfiguredSink } from '../../config/sinks.ts';
import { isBuiltIn } from '../../sinks/catalogue.ts';
import type { PlatformUser } from '../../sinks/sink.ts';
import type { Config } from '../../site/config.ts';
import { openSink } from '../../site/sinks.ts';
import type { CommandSpec, Context } from '../command.ts';
import { becomeStoreOwner } from '../owner.ts';
import { openConfig, withStore } from '../session.ts';
import { type Output, printNote, printObject, printText, printWarning } from '../terminal/print.ts';

/** `user import`. */
export const importCommand: CommandSpec = {
  words: 'import',
  summary: 'take the users of the platform in: new ones are added, addresses brought up to date',
  options: [
    {
      flags: '--from <sink>',
      doc: 'the sink whose platform is asked: its name in [[sink]], its type in [sink]',
      required: true,
    },
    {
      flags: '--only-these',
      doc: 'take addresses away from users that the platform does not name with them',
    },
    { flags: '--disable-missing', doc: 'disable users whom the platform does not name' },
    { flags: '--dry-run', doc: 'change nothing, and say what would be changed' },
  ],
  examples: ['import --from redmine --dry-run', 'import --from redmine', 'import --from redmine --json'],
  run: async (input, context) => {
    const listed = await listUsers(context, input.required('from'), input.flag('disableMissing'));
    const isDry = input.flag('dryRun');
    const imported = await withStore(context, (session) =>
      importUsers(session, listed, {
        isDry,
        disableMissing: input.flag('disableMissing'),
        onlyThese: input.flag('onlyThese'),
      }),
    );
    report(imported, isDry, context.output);
  },
};

async function listUsers(
  context: Context,
  name: string,
  disables: boolean,
): Promise<readonly PlatformUser[]> {
  const config = openConfig(context);
  const sink = sinkNamed(config, name);
  if (disables && config.sinks.length > 1)
    throw usage(
      'user import: --disable-missing would disable the users of the other sinks; "mailgw-ctl user disable" does it one by one',
    );
  // A site's own sink is code: root must not run what the service user may have written.
  if (!isBuiltIn(sink.options)) becomeStoreOwner(config.store.path);
  const loaded = await openSink(sink);
  if (!loaded.ok) throw new Fault(EXIT.configuration, loaded.problems);
  try {
    return await readPlatformUsers(loaded.sink, name);
  } finally {
    await loaded.sink.close();
  }
}

/** Gives the sink of this name. */
function sinkNamed({ sinks }: Config, name: string): ConfiguredSink {
  const found = sinks.find((sink) => sink.name === name);
  if (found !== undefined) return found;
  const names = sinks.map((sink) => `"${sink.name}"`).join(' or ');
  throw new Fault(EXIT.badInput, `--from "${name}": there is no such sink; expected ${names}`);
}

function report(imported: readonly Imported[], isDry: boolean, output: Output): void {
  const counts = { created: 0, changed: 0, unchanged: 0, disabled: 0, refused: 0 };
  let silent = 0;
  for (const each of imported) {
    counts[each.result] += 1;
    if (each.result === 'refused') printWarning(output, `user "${each.user}": ${each.problem}`);
    else if (each.result === 'created' && each.addresses.length === 0) silent += 1;
    if (output.json) printObject(output, each);
    else if (isDry && each.result !== 'unchanged' && each.result !== 'refused')
      printText(output, `${each.result} ${each.user} ${each.addresses.join(' ')}`.trimEnd());
  }
  const { created, changed, unchanged, disabled, refused } = counts;
  const sentence = `${created} users created, ${changed} changed, ${unchanged} unchanged, ${disabled} disabled, ${refused} refused`;
  if (!output.json) printText(output, `${sentence}${isDry ? '; nothing was changed (--dry-run)' : ''}`);
  if (silent > 0)
    printNote(output, `the platform names ${silent} new users without an address; they cannot reply yet`);
  if (refused > 0) throw new Fault(EXIT.badInput, `${refused} of ${imported.length} users were not taken in`);
}
