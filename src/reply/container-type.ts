/**
 * What lies in a container: a document of an office program, with macros or without, an archive of a program.
 *
 * Contract: `containerType` tells it by the names that stand in the container in plain bytes, and by the type that a
 * ZIP declares of itself in its first entry (EPUB OCF §4.3, ODF 1.3 part 2 §3.3). What nothing tells stays the
 * container. Never throws; nothing is unpacked.
 */

interface Content {
  readonly type: string;
  readonly name: string | Buffer;
}

/** In the order in which they are asked: a document with macros has the names of one without as well. */
const IN_ZIP: readonly Content[] = [
  { type: 'application/vnd.android.package-archive', name: 'AndroidManifest.xml' },
  { type: 'application/java-archive', name: 'META-INF/MANIFEST.MF' },
  { type: 'application/vnd.ms-word.document.macroenabled.12', name: 'word/vbaProject.bin' },
  { type: 'application/vnd.ms-excel.sheet.macroenabled.12', name: 'xl/vbaProject.bin' },
  { type: 'application/vnd.ms-powerpoint.presentation.macroenabled.12', name: 'ppt/vbaProject.bin' },
  { type: 'application/vnd.ms-excel.sheet.macroenabled.12', name: 'vbaProject.bin' },
  {
    type: 'application/vnd.openxmlformats-officedocument.wordprocessingml.document',
    name: 'word/document.xml',
  },
  { type: 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet', name: 'xl/workbook.xml' },
  {
    type: 'application/vnd.openxmlformats-officedocument.presentationml.presentation',
    name: 'ppt/presentation.xml',
  },
];

/** Names of streams, in UTF-16 (MS-CFB §2.6.1). */
const IN_OLE: readonly Content[] = [
  { type: 'application/msword', name: Buffer.from('WordDocument', 'utf16le') },
  { type: 'application/vnd.ms-excel', name: Buffer.from('Workbook', 'utf16le') },
  { type: 'application/vnd.ms-powerpoint', name: Buffer.from('PowerPoint Document', 'utf16le') },
  { type: 'application/vnd.ms-outlook', name: Buffer.from('__nameid_version1.0', 'utf16le') },
];

const MIMETYPE_ENTRY = /^PK\x03\x04[^]{22}\x08\0[^]{2}mimetype(application\/[a-z0-9.+-]{1,80})/;

/** Tells the type of what lies in a container of type `shown`; `shown` itself where nothing tells. */
export function containerType(content: Buffer, shown: string): string {
  if (shown === 'application/x-ole-storage') return nameIn(content, IN_OLE) ?? shown;
  if (shown !== 'application/zip') return shown;
  const declared = MIMETYPE_ENTRY.exec(content.toString('latin1', 0, 160))?.[1];
  return declared ?? nameIn(content, IN_ZIP) ?? shown;
}

function nameIn(content: Buffer, contents: readonly Content[]): string | undefined {
  return contents.find(({ name }) => content.includes(name))?.type;
}
