// A sink of one's own: appends each post to a file, one JSON object per line.
//
//     [sink]
//     type = "/etc/mailgw/my-sink.js"
//     file = "/var/lib/mailgw/posts.jsonl"
//
// mailgw calls createSink once with the [sink] table (without `type`); what it throws stops the start with its message.
// `deliver` gives { kind, diagnostic }: "posted" ends the reply, "failed" makes it a dead letter, "deferred" tries again
// later (with `retryAfterMs` as a hint, `broken: true` to alarm the operator). A post may come twice with the same
// `id`: `exists` is asked before a repeated attempt. With a method `bounced` it would be told of notifications that came back,
// and with `examine`, giving { status, diagnostic, postsAs }, `mailgw-ctl doctor` can ask whether the platform is there.
import { open, readFile } from 'node:fs/promises';

export async function createSink({ file }) {
  if (typeof file !== 'string' || !file.startsWith('/'))
    throw new Error('sink.file: expected an absolute path');
  const handle = await open(file, 'a', 0o600);
  return {
    async deliver({ id, user, thread, body, attachments }) {
      const files = attachments.map(({ filename, bytes, sha256 }) => ({ filename, bytes, sha256 }));
      try {
        await handle.appendFile(`${JSON.stringify({ id, user, thread, text: body.markdown, files })}\n`);
        await handle.sync();
        return { kind: 'posted', diagnostic: `appended to ${file}` };
      } catch (error) {
        return { kind: 'deferred', diagnostic: String(error), broken: error.code === 'EACCES' };
      }
    },
    async exists({ id }) {
      return (await readFile(file, 'utf8')).includes(`{"id":${JSON.stringify(id)},`);
    },
    close: () => handle.close(),
  };
}
