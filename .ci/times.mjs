// A reporter for `node --test`: how long each file and each test took, a line each: `file|test`, seconds, name.
//
// A suite is the sum of its tests and gets no line. A file's time is that of its process, from its start to its end.

import { relative } from 'node:path';

export default async function* times(events) {
  for await (const { type, data } of events) {
    if (type !== 'test:complete' || data.details.type === 'suite') continue;
    const file = relative('', data.file ?? '');
    const seconds = (data.details.duration_ms / 1000).toFixed(1);
    if (data.name === data.file) yield `file\t${seconds}\t${file}\n`;
    else yield `test\t${seconds}\t${file}: ${data.name}\n`;
  }
}
