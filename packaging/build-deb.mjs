#!/usr/bin/env node
// Builds the Debian package from a built checkout: packaging/build-deb.mjs [--revision N] [--output DIRECTORY]
//
// Contract: needs `npm ci` (which builds) and dpkg-deb, no network and no root; prints the path of the package. The
// compiled SQLite binding belongs to the major version of Node and the architecture that it was built with, and the
// package depends on exactly these.
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { gzipSync } from 'node:zlib';

const source = fileURLToPath(new URL('..', import.meta.url));
const { values } = parseArgs({
  options: { revision: { type: 'string', default: '1' }, output: { type: 'string', default: '.' } },
});
const manifest = JSON.parse(readFileSync(join(source, 'package.json'), 'utf8'));
const version = `${manifest.version}-${values.revision}`;

const MAINTAINER = 'The mailgw authors <mailgw@example.org>';

/** Packages that are only used while others are installed. */
const NOT_AT_RUN_TIME = ['prebuild-install'];

/** Parts of packages that nothing loads. */
const NOT_LOADED =
  /better-sqlite3\/(?:deps|src|binding\.gyp|build\/(?!Release$|Release\/better_sqlite3\.node$))|\/(?:test|tests|docs?|examples?|index\.html|\.[^/]+)$|\.(?:d\.[cm]?ts|map|markdown)$|\/(?!LICEN)[A-Z_-]+\.md$/;

/** The directories of the packages that run, found as Node finds them. */
function runtimeModules(directory, found = new Set()) {
  const { dependencies = {}, optionalDependencies = {} } = JSON.parse(
    readFileSync(join(directory, 'package.json'), 'utf8'),
  );
  for (const name of Object.keys({ ...dependencies, ...optionalDependencies })) {
    if (NOT_AT_RUN_TIME.includes(name)) continue;
    let above = directory;
    while (!existsSync(join(above, 'node_modules', name)) && above !== dirname(above)) above = dirname(above);
    const module = join(above, 'node_modules', name);
    if (!existsSync(module)) {
      if (name in optionalDependencies) continue;
      throw new Error(`${name}: is not installed; run "npm ci"`);
    }
    if (!found.has(module)) runtimeModules(module, found.add(module));
  }
  return found;
}

const root = mkdtempSync(join(tmpdir(), 'mailgw-deb-'));

/** Copies from the checkout into the package. */
function put(from, to, filter = () => true) {
  const target = join(root, to);
  mkdirSync(dirname(target), { recursive: true });
  cpSync(join(source, from), target, { recursive: true, filter });
}

function write(to, content) {
  mkdirSync(dirname(join(root, to)), { recursive: true });
  writeFileSync(join(root, to), content);
}

function stageProgram() {
  const place = 'usr/lib/mailgw';
  for (const part of ['bin', 'dist/src', 'src/notices/texts', 'package.json']) put(part, join(place, part));
  for (const module of runtimeModules(source)) {
    const path = relative(source, module);
    // A package inside another one's node_modules is copied for itself.
    put(
      path,
      join(place, path),
      (file) => !NOT_LOADED.test(file) && !file.slice(module.length).includes('node_modules'),
    );
  }
  strip(join(root, place, 'node_modules/better-sqlite3/build/Release/better_sqlite3.node'));
  mkdirSync(join(root, 'usr/bin'), { recursive: true });
  for (const name of ['mailgwd', 'mailgw-ctl'])
    symlinkSync(`../lib/mailgw/bin/${name}`, join(root, 'usr/bin', name));
}

/** Takes the symbols out of a library that are for debuggers alone, where binutils is there to do it. */
function strip(library) {
  chmodSync(library, 0o644);
  try {
    execFileSync('strip', ['--strip-unneeded', library]);
  } catch (error) {
    if (error.code !== 'ENOENT') throw error;
  }
}

function stageSystem() {
  for (const name of readdirSync(join(source, 'systemd'))) {
    const [, kind] = /\.(sysusers|tmpfiles)$/.exec(name) ?? [];
    if (/\.(?:service|socket)$/.test(name)) put(`systemd/${name}`, `usr/lib/systemd/system/${name}`);
    else if (kind !== undefined)
      put(`systemd/${name}`, `usr/lib/${kind}.d/${name.replace(`.${kind}`, '.conf')}`);
  }
}

function stageDocumentation() {
  const place = 'usr/share/doc/mailgw';
  for (const page of ['README.md', 'SECURITY.md', 'CONTRIBUTING.md', 'CHANGELOG.md'])
    put(page, join(place, page));
  put('docs', join(place, 'docs'), (file) => !/\/docs\/(?:man|examples)$/.test(file));
  // What commands name lies where no minimal system leaves it out; the documentation points there.
  put('postfix-examples', 'usr/share/mailgw/postfix-examples');
  put('systemd', 'usr/share/mailgw/systemd');
  put('docs/examples', 'usr/share/mailgw/examples');
  symlinkSync('../../mailgw/postfix-examples', join(root, place, 'postfix-examples'));
  symlinkSync('../../mailgw/systemd', join(root, place, 'systemd'));
  symlinkSync('../../../mailgw/examples', join(root, place, 'docs/examples'));
  write(join(place, 'changelog.gz'), gzipSync(readFileSync(join(source, 'CHANGELOG.md')), { level: 9 }));
  write(join(place, 'changelog.Debian.gz'), gzipSync(debianChangelog(), { level: 9 }));
  put('LICENSE', join(place, 'copyright'));
  for (const page of manifest.man) {
    const section = page.slice(-1);
    const name = page.slice(page.lastIndexOf('/') + 1);
    write(`usr/share/man/man${section}/${name}.gz`, gzipSync(readFileSync(join(source, page)), { level: 9 }));
  }
  const script = (shell) =>
    execFileSync(process.execPath, [join(source, 'bin/mailgw-ctl'), 'completion', shell]);
  write('usr/share/bash-completion/completions/mailgw-ctl', script('bash'));
  write('usr/share/zsh/vendor-completions/_mailgw-ctl', script('zsh'));
  write('usr/share/fish/vendor_completions.d/mailgw-ctl.fish', script('fish'));
}

/** What dpkg's tools know a version by; what changed is in changelog.gz. */
function debianChangelog() {
  const date = new Date(Number(process.env.SOURCE_DATE_EPOCH ?? Date.now() / 1000) * 1000);
  const day = date.toUTCString().replace('GMT', '+0000');
  return `mailgw (${version}) unstable; urgency=medium\n\n  * See changelog.gz.\n\n -- ${MAINTAINER}  ${day}\n`;
}

/** Sets modes that do not depend on the builder's umask; the size of all files in KiB. */
function tidy(path) {
  const status = lstatSync(path);
  if (status.isSymbolicLink()) return 0;
  const isProgram = status.isDirectory() || (status.mode & 0o100) !== 0;
  chmodSync(path, isProgram ? 0o755 : 0o644);
  if (!status.isDirectory()) return Math.ceil(status.size / 1024);
  return readdirSync(path).reduce((sum, name) => sum + tidy(join(path, name)), 1);
}

function stageControl(kibibytes) {
  const major = Number(process.versions.node.split('.')[0]);
  const least = major === 20 ? '20.19' : String(major);
  const architecture = execFileSync('dpkg', ['--print-architecture'], { encoding: 'utf8' }).trim();
  write(
    'DEBIAN/control',
    `Package: mailgw
Version: ${version}
Architecture: ${architecture}
Maintainer: ${MAINTAINER}
Installed-Size: ${kibibytes}
Depends: nodejs (>= ${least}), nodejs (<< ${major + 1}~), libc6, libstdc++6, systemd | systemd-standalone-sysusers, systemd | systemd-standalone-tmpfiles
Recommends: postfix
Section: mail
Priority: optional
Description: gateway from e-mail replies to posts on a platform
 Takes replies to notification mails from Postfix over LMTP, verifies the reply
 address, stores each reply and posts it to the platform over HTTP, again and
 again until the platform has it.
 .
 Debian 13 has a Node that is new enough; for Debian 12 see deb.nodesource.com.
`,
  );
  for (const name of ['postinst', 'prerm', 'postrm']) {
    const script = readFileSync(join(source, 'packaging/debian', name), 'utf8').replaceAll(
      '@VERSION@',
      version,
    );
    write(`DEBIAN/${name}`, script);
    chmodSync(join(root, 'DEBIAN', name), 0o755);
  }
  return architecture;
}

try {
  chmodSync(root, 0o755);
  stageProgram();
  stageSystem();
  stageDocumentation();
  const architecture = stageControl(tidy(root));
  const file = join(values.output, `mailgw_${version}_${architecture}.deb`);
  execFileSync('dpkg-deb', ['--build', '--root-owner-group', '-Zxz', root, file], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  process.stdout.write(`${file}\n`);
} finally {
  rmSync(root, { recursive: true, force: true });
}
