/** Directory in PostgreSQL: userByNumber, userByName, usersByAddress, listUsers, usersBefore, addUser, setUser, putUsers, takeUsers, renameUser, removeUser, eraseUser, restoreUser, removedUsers, rotateSalt, threadByNumber, locatorsOf, locatorNow, renameThread, threadNumber, threadNumbers. */
import type { Directory } from '../directory.ts';
import type { Ground } from './ground.ts';
import { unbuilt } from './unbuilt.ts';

/** Gives the port. */
export function directoryPort(_ground: Ground): Directory {
  return unbuilt<Directory>([
    'userByNumber',
    'userByName',
    'usersByAddress',
    'listUsers',
    'usersBefore',
    'addUser',
    'setUser',
    'putUsers',
    'takeUsers',
    'renameUser',
    'removeUser',
    'eraseUser',
    'restoreUser',
    'removedUsers',
    'rotateSalt',
    'threadByNumber',
    'locatorsOf',
    'locatorNow',
    'renameThread',
    'threadNumber',
    'threadNumbers',
  ]);
}
