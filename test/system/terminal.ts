// An admin at a machine: a shell that commands are typed into, on a Postfix as Debian's installer leaves it.

import assert from 'node:assert/strict';
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { eventually } from '../support/eventually.ts';
import { runOk } from '../support/process.ts';

/** A bash, and what it has printed. */
export class Terminal {
  readonly #bash: ChildProcessWithoutNullStreams;
  #typed = 0;
  output = '';

  constructor(cwd = '/root') {
    this.#bash = spawn('bash', [], { cwd });
    this.#bash.stdout.setEncoding('utf8').on('data', (text: string) => {
      this.output += text;
    });
    this.type('exec 2>&1\ntrap \'echo "FAILED: $BASH_COMMAND"\' ERR\n');
  }

  /** Types commands. */
  type(commands: string): void {
    this.#bash.stdin.write(commands);
  }

  /** Types commands, none of which may fail, and waits for their end; what they printed. */
  async run(commands: string): Promise<string> {
    const begin = this.output.length;
    const end = `ended ${++this.#typed}\n`;
    this.type(`${commands}echo '${end.trimEnd()}'\n`);
    const printed = await eventually(
      () => (this.output.endsWith(end) ? this.output.slice(begin, -end.length) : undefined),
      () => this.output.slice(begin),
      120_000,
    );
    assert.doesNotMatch(printed, /^FAILED: /m);
    return printed;
  }
}

/** Postfix as the package's questions leave it: "Internet Site". */
export async function installPostfix(): Promise<void> {
  for (const name of ['main.cf', 'master.cf']) rmSync(join('/etc/postfix', name), { force: true });
  const answers = ['main_mailer_type select Internet Site', 'mailname string mx.example.org'];
  const selections = answers.map((answer) => `postfix postfix/${answer}\n`).join('');
  await runOk('debconf-set-selections', [], selections);
  await runOk('dpkg-reconfigure', ['--frontend=noninteractive', 'postfix']);
  await runOk('postfix', ['start']);
}
