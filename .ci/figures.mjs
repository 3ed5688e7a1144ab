// How large the code is: files, functions and comments, of src/ and test/. Prints; judges nothing.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';

const median = (numbers) => numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? 0;
const longest = (sized) => sized.reduce((most, each) => (each.lines > most.lines ? each : most), { lines: 0 });

function functionsOf(path, text) {
  const source = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true);
  const found = [];
  const visit = (node) => {
    if (ts.isFunctionLike(node) && node.body !== undefined) {
      const from = source.getLineAndCharacterOfPosition(node.getStart()).line;
      const to = source.getLineAndCharacterOfPosition(node.getEnd()).line;
      found.push({ lines: to - from + 1, name: `${path}:${from + 1}` });
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

for (const folder of ['src', 'test']) {
  const paths = readdirSync(folder, { recursive: true })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => join(folder, name));
  const texts = paths.map((path) => ({ path, text: readFileSync(path, 'utf8') }));
  const files = texts.map(({ path, text }) => ({ name: path, lines: text.split('\n').length - 1 }));
  const functions = texts.flatMap(({ path, text }) => functionsOf(path, text));
  const lines = files.reduce((sum, file) => sum + file.lines, 0);
  const comments = texts.reduce((sum, { text }) => sum + (text.match(/^\s*(?:\/\/|\/?\*)/gm) ?? []).length, 0);
  const largest = longest(files);
  const most = longest(functions);
  console.log(
    [
      `${folder}: ${files.length} files, ${lines} lines, ${Math.round((100 * comments) / lines)} % comment lines`,
      `  file: median ${median(files.map((file) => file.lines))} lines, longest ${largest.lines} (${largest.name})`,
      `  function: ${functions.length}, median ${median(functions.map((each) => each.lines))} lines, longest ${most.lines} (${most.name})`,
    ].join('\n'),
  );
}
