// How large the code is, each figure with its bound: floors and rooms, files, functions, comments, of src/ and test/.
//
// Reads src/, test/ and .ci/rooms.json of the directory that it is given, or of this one. Prints every figure; ends with
// 1 when one is out of its bounds, and then names the figure, by how much, and the place.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';

process.chdir(process.argv[2] ?? '.');
const SERVE = join('src', 'daemon', 'serve.ts');

const rooms = JSON.parse(readFileSync(join('.ci', 'rooms.json'), 'utf8'));
const folders = { src: measured('src'), test: measured('test') };
const figures = [...shape(), ...sizes()];
for (const figure of figures) console.log(lineOf(figure));
const failures = figures.filter(isOver);
for (const { name, value, bound, where } of failures) {
  const byHowMuch = Number(Math.abs(value - bound).toFixed(1));
  console.error(`OUT OF BOUNDS: ${name}: ${value}, by ${byHowMuch}${where ? `, at ${where}` : ''}`);
}
process.exitCode = failures.length === 0 ? 0 : 1;

/** Gives the figures of the house: its floors, its rooms, and what stands beside them. */
function shape() {
  const placed = new Set(rooms.flatMap((floor) => Object.keys(floor)));
  const entries = readdirSync('src', { withFileTypes: true });
  const named = (isWanted) => entries.filter(isWanted).map(({ name }) => `src/${name}`);
  const homeless = named((each) => each.isDirectory() && !placed.has(each.name));
  const loose = named((each) => each.isFile() && !/^main\b.*\.ts$/.test(each.name));
  return [
    atMost(9, 'floors', rooms.length, '.ci/rooms.json'),
    atMost(0, 'rooms without a floor', homeless.length, homeless.join(', ')),
    atMost(0, 'files directly in src/ that are no main file', loose.length, loose.join(', ')),
  ];
}

/** Gives the figures of files, functions and comments. */
function sizes() {
  const { src, test } = folders;
  const serve = src.functions.find(({ path, name }) => path === SERVE && name === 'serve');
  return [
    unbounded('src: files', src.files.length),
    unbounded('src: lines', src.lines),
    atLeast(15, 'src: comment lines, %', (100 * src.comments) / src.lines),
    atMost(110, 'src: median of files, lines', median(src.files)),
    longest(350, 'src: longest file, lines', src.files),
    unbounded('src: functions', src.functions.length),
    unbounded('src: median of functions, lines', median(src.functions)),
    longest(60, 'src: longest function, lines', src.functions),
    serve === undefined
      ? atMost(0, `functions "serve" that are not in ${SERVE}`, 1)
      : atMost(40, 'src: lines of serve', serve.lines, serve.place),
    unbounded('test: files', test.files.length),
    unbounded('test: lines', test.lines),
    longest(848, 'test: longest file, lines', test.files),
    longest(217, 'test: longest function, lines', test.functions),
  ];
}

function unbounded(name, value) {
  return { name, value };
}

function atMost(bound, name, value, where) {
  return { name, value, bound, word: 'at most', where };
}

function atLeast(bound, name, value) {
  return { name, value: Math.floor(value * 10) / 10, bound, word: 'at least' };
}

/** Bounds the largest of files or functions; names all that are over. */
function longest(bound, name, sized) {
  const [first = { lines: 0 }, ...others] = sized.toSorted((a, b) => b.lines - a.lines);
  const over = others.filter(({ lines }) => lines > bound).map(({ place, lines }) => `${place} (${lines})`);
  return atMost(bound, name, first.lines, [first.place, ...over].join(', '));
}

function isOver({ value, bound, word }) {
  return bound !== undefined && (word === 'at least' ? value < bound : value > bound);
}

function lineOf({ name, value, bound, word, where }) {
  return `${name}: ${value}${bound === undefined ? '' : ` (${word} ${bound})`}${where ? `  ${where}` : ''}`;
}

function median(sized) {
  return sized.map(({ lines }) => lines).toSorted((a, b) => a - b)[Math.floor(sized.length / 2)] ?? 0;
}

/** Measures every TypeScript file below a folder. */
function measured(folder) {
  const texts = readdirSync(folder, { recursive: true })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => ({ path: join(folder, name), text: readFileSync(join(folder, name), 'utf8') }));
  const files = texts.map(({ path, text }) => ({ place: path, lines: text.split('\n').length - 1 }));
  return {
    files,
    lines: files.reduce((sum, file) => sum + file.lines, 0),
    comments: texts.reduce((sum, { text }) => sum + (text.match(/^\s*(?:\/\/|\/?\*|-- )/gm) ?? []).length, 0),
    functions: texts.flatMap(functionsOf),
  };
}

/** Lists the functions of a file, arrows and methods among them. */
function functionsOf({ path, text }) {
  const source = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true);
  const found = [];
  const visit = (node) => {
    if (ts.isFunctionLike(node) && node.body !== undefined) {
      const from = source.getLineAndCharacterOfPosition(node.getStart()).line;
      const to = source.getLineAndCharacterOfPosition(node.getEnd()).line;
      found.push({ path, name: node.name?.getText(source), lines: to - from + 1, place: `${path}:${from + 1}` });
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}
