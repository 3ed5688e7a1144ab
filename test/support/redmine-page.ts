// What a person reads on Redmine's own page of an issue: the notes as it renders them.

import { type DefaultTreeAdapterTypes, parse, parseFragment } from 'parse5';

type Node = DefaultTreeAdapterTypes.Node;
type Element = DefaultTreeAdapterTypes.Element;

/** Elements that stand on lines of their own. */
const BLOCKS = [
  'p',
  'div',
  'ul',
  'ol',
  'li',
  'pre',
  'blockquote',
  'table',
  'tr',
  'h1',
  'h2',
  'h3',
  'h4',
  'h5',
  'h6',
];

/** A note as it is read, and the elements that it is made of. */
export interface ReadNote {
  readonly text: string;
  readonly elements: readonly string[];
  /** Where its links lead. */
  readonly links: readonly string[];
}

/** Reads the notes of a page by the numbers of their journals. */
export function readNotes(page: string): ReadonlyMap<number, ReadNote> {
  const notes = new Map<number, ReadNote>();
  for (const node of everyNode(parse(page))) {
    const id = /^journal-(\d+)-notes$/.exec(attribute(node, 'id') ?? '')?.[1];
    if (id !== undefined) notes.set(Number(id), readNote(node));
  }
  return notes;
}

function readNote(note: Node): ReadNote {
  const inside = everyNode(note).slice(1).filter(isElement);
  return {
    text: textOf(note)
      .replace(/\n{2,}/g, '\n')
      .trim(),
    elements: inside.map(({ tagName }) => tagName),
    links: inside.flatMap((element) => (element.tagName === 'a' ? (attribute(element, 'href') ?? '') : [])),
  };
}

function textOf(node: Node): string {
  // In HTML a line end is a blank, unless it stands in what is shown as it was written.
  if (node.nodeName === '#text') return 'value' in node ? node.value.replace(/\s+/g, ' ') : '';
  if (node.nodeName === 'br') return '\n';
  // The mark that Redmine puts behind each heading, to link to it.
  if (attribute(node, 'class') === 'wiki-anchor') return '';
  const text = 'childNodes' in node ? node.childNodes.map(textOf).join('') : '';
  return BLOCKS.includes(node.nodeName) ? `\n${text}\n` : text;
}

function everyNode(node: Node): Node[] {
  return [node, ...('childNodes' in node ? node.childNodes.flatMap(everyNode) : [])];
}

function isElement(node: Node): node is Element {
  return 'tagName' in node;
}

function attribute(node: Node, name: string): string | undefined {
  return isElement(node) ? node.attrs.find((each) => each.name === name)?.value : undefined;
}

/** Reads HTML that stands alone in the same way. */
export function readFragment(text: string): ReadNote {
  return readNote(parseFragment(text));
}
