/** The rooms in CONTRIBUTING.md, drawn from the table that the import rule reads: `npm run docs` writes them. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { repositoryRoot } from '../support/process.ts';

/** The page that shows them. */
export const CONTRIBUTING = join(repositoryRoot, 'CONTRIBUTING.md');

const [BEGIN, END] = ['<!-- rooms: made by npm run docs -->\n', '<!-- end of rooms -->'];

/** A floor: its rooms, and what is in each. */
type Floor = Readonly<Record<string, string>>;

function readFloors(): Floor[] {
  return JSON.parse(readFileSync(join(repositoryRoot, '.ci', 'rooms.json'), 'utf8')) as Floor[];
}

/** The house from the roof down, and a table of its rooms. */
function drawRooms(floors: readonly Floor[]): string {
  const numbered = floors.map((floor, at) => ({ number: at + 1, floor })).reverse();
  const drawn = numbered.map(({ number, floor }) => `${number}  ${Object.keys(floor).join('   ')}`);
  const rows = numbered.flatMap(({ floor }) =>
    Object.entries(floor).map(([room, what]) => `| \`src/${room}/\` | ${what} |`),
  );
  return ['```text', ...drawn, '```', '', '| room | what is in it |', '|---|---|', ...rows].join('\n');
}

/** The page as it should be. */
export function roomsPage(page: string): string {
  const [from, to] = [page.indexOf(BEGIN), page.indexOf(END)];
  if (from === -1 || to < from)
    throw new Error(`CONTRIBUTING.md: has no place between ${BEGIN.trim()} and ${END}`);
  return `${page.slice(0, from + BEGIN.length)}${drawRooms(readFloors())}\n${page.slice(to)}`;
}

if (process.argv[1] === fileURLToPath(import.meta.url))
  writeFileSync(CONTRIBUTING, roomsPage(readFileSync(CONTRIBUTING, 'utf8')));
