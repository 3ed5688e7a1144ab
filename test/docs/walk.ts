// A page as a newcomer follows it: all of its commands typed in order, at a daemon that has nothing yet.

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { ApiHouse } from '../api/api.ts';
import { repositoryRoot, run } from '../support/process.ts';
import { readPage, takeApart } from './pages.ts';

/** Types the commands of a page, with the port and the configuration of this daemon in place of the page's; what they print. */
export async function walk(
  page: string,
  { daemon, port, scratch }: Pick<ApiHouse, 'daemon' | 'port' | 'scratch'>,
): Promise<string> {
  const script = takeApart(readPage(page))
    .blocks.filter(({ language }) => language === 'sh')
    .flatMap(({ lines }) => lines)
    .join('\n')
    .replaceAll('127.0.0.1:8025', `127.0.0.1:${port}`)
    .replaceAll('mailgw-ctl ', `mailgw-ctl --config ${daemon.config} `);
  writeFileSync(scratch.path('walk.sh'), `set -eu\n${script}\n`);
  const path = `${join(repositoryRoot, 'bin')}:${dirname(process.execPath)}:${process.env.PATH ?? ''}`;
  const { code, stdout, stderr } = await run('env', [`PATH=${path}`, 'bash', scratch.path('walk.sh')]);
  assert.equal(code, 0, `${stdout}${stderr}`);
  return stdout;
}
