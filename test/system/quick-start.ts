// What is done inside the machine that quick-start.slow.test.ts boots: docs/quick-start.md, word for word (typed.ts).
//
// Before the first step Postfix is as Debian's installer leaves it, and runs.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { checkout, takeSteps } from './steps.ts';
import { installPostfix } from './terminal.ts';
import { typedSteps } from './typed.ts';

const page = readFileSync(join(checkout, 'docs/quick-start.md'), 'utf8');
await takeSteps({ 'has a Postfix': installPostfix, ...typedSteps(page) });
