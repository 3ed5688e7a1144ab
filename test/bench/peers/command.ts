/** Looks for programs, in the system administrator's directories too: daemons are not on everybody's PATH. */
import { accessSync, constants } from 'node:fs';
import path from 'node:path';

/** Returns the program's path, `undefined` when it is not installed. */
export function findCommand(name: string): string | undefined {
  const directories = [...(process.env['PATH'] ?? '').split(':'), '/usr/sbin', '/sbin', '/usr/local/sbin'];
  return directories.map((directory) => path.join(directory, name)).find(isExecutable);
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
