// What is done inside the machine that redmine-recipe.slow.test.ts boots: "Redmine in ten minutes" of docs/platforms.md, word
// for word (typed.ts), with the Redmine that Debian's package has installed there.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { runOk } from '../support/process.ts';
import { checkout, takeSteps } from './steps.ts';
import { installPostfix } from './terminal.ts';
import { typedSteps } from './typed.ts';

const page = readFileSync(join(checkout, 'docs/platforms.md'), 'utf8');
const [, section = ''] = /^## Redmine in ten minutes\n(.*?)(?=^## |$(?![^]))/ms.exec(page) ?? [];

await takeSteps({
  'has a Postfix': async () => {
    await installPostfix();
    await runOk('postconf', ['-e', 'myhostname = mx.example.org']);
    await runOk('postfix', ['reload']);
  },
  'has mailgw': async () => {
    await runOk('sh', ['-c', 'apt-get install --yes /root/mailgw_*.deb']);
  },
  ...typedSteps(section),
});
