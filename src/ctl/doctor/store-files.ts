/**
 * The store's files as the running mailgwd has them: a store that was removed or replaced under it, and what it saved.
 *
 * Contract: reads /proc and the directory alone. Of processes of other users nothing is seen unless doctor runs as root.
 */
import { existsSync, readdirSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { EXIT } from '../../actions/fault.ts';
import { type Finding, fine, problem, warning } from './finding.ts';

/** Examines both; `pid` is who has a removed store open. */
export async function checkStoreFiles(path: string, pid: string | undefined): Promise<Finding> {
  const check = 'store.files';
  const { latestRescued } = await import('../../store/sqlite/rescue.ts');
  const copy = latestRescued(path)?.file;
  const saved = copy === undefined ? '' : `; ${copy} has what was in it`;
  if (pid !== undefined)
    return problem(check, EXIT.inputOutput, {
      what: `process ${pid} has a store open that was removed from ${path}, or whose log was${saved}`,
      why: 'all mail is answered 451, because the next start would not find what is accepted now',
      fix: 'systemctl restart mailgw   # after "store_rescued" in its log: it goes on with what was saved',
    });
  if (copy === undefined) return fine(check, 'mailgwd has the files open that are at store.path, or none');
  const advice = {
    what: `${copy} has what mailgwd had in its store when that was removed`,
    why: `replies in it wait there, and are not in ${path}`,
  };
  if (!existsSync(path))
    return problem(check, EXIT.inputOutput, {
      ...advice,
      fix: 'systemctl restart mailgw   # takes it for the store',
    });
  return warning(check, {
    ...advice,
    fix: `remove ${copy} if ${path} is what you want; else stop mailgwd, move ${path} away and copy it there`,
  });
}

/** Finds the process that has a removed file of the store open; as root, doctor sees all. */
export function holderOfRemoved(path: string): string | undefined {
  const removed = new Set(['', '-wal', '-shm'].map((suffix) => `${path}${suffix} (deleted)`));
  return names('/proc').find(
    (pid) =>
      /^\d+$/.test(pid) &&
      names(join('/proc', pid, 'fd')).some((fd) => removed.has(link(join('/proc', pid, 'fd', fd)))),
  );
}

function names(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return []; // gone by now, or not ours to see
  }
}

function link(file: string): string {
  try {
    return readlinkSync(file);
  } catch {
    return '';
  }
}
