/**
 * What personal data and secrets look like in a short text: the second line behind the allow-list
 * of `attributes.ts`, and behind VS Code's own cleaning, which older hosts skip for errors.
 *
 * The receiver has the full set (`cortex_otel/process/patterns.py`) and redacts again. Here a text
 * that any pattern finds is not mended but hashed, so patterns only need to recognise. Texts are at
 * most 1024 characters long when they come here, which bounds what backtracking can cost.
 */
import { hostname, userInfo } from 'node:os';

const PATTERNS: readonly RegExp[] = [
  /-----BEGIN /,
  /:\/\/[^\s/]*@/,
  /(?:password|passwd|passphrase|pwd|secret|token|credentials?|cookie|api[_-]?key|authorization|비밀번호|암호)(?:[_-]?(?:access[_-]?)?key)?["']?\s*[=:]\s*\S/i,
  /(?<![a-z0-9])(?:bearer|basic)\s+[\w.~+/=-]{8}/i,
  /(?<![A-Za-z])(?:sk-[\w-]{16}|[psr]k_(?:live_|test_)?[A-Za-z0-9]{16}|hf_[A-Za-z0-9]{16}|npm_[A-Za-z0-9]{20}|pypi-)|gh[pousr]_[A-Za-z0-9]{16}|github_pat_|glpat-|xox[abeoprs]-|A(?:KI|SI|RO|ID)A[A-Z0-9]{12}|AIza[\w-]{20}|ya29\./,
  /eyJ[\w-]{8}/,
  /[\w.+'-](?:@|%40)(?:[\w-]+\.)+[A-Za-z\d]/,
  /(?:[\\/]|%2[Ff]|%5[Cc])(?:home|users|documents and settings)(?:[\\/]|%2[Ff]|%5[Cc])/i,
  /(?<![\w.~-])\/root(?![\w-])/,
  /[0-9A-Fa-f]{32}/,
  /(?=[A-Za-z0-9+/_-]{0,200}\d)(?=[A-Za-z0-9+/_-]{0,200}[A-Z])(?=[A-Za-z0-9+/_-]{0,200}[a-z])[A-Za-z0-9+/_-]{40}/,
  /(?<!\d)(?:\d{6} ?- ?\d{7}|\d{3}-\d{2}-\d{4})(?!\d)/,
  /(?<!\d)\d(?:[ -]?\d){12}/,
  /(?<![A-Za-z0-9])\+\d(?:[ ().-]{0,2}\d){7}|(?<!\d)01[016789][ .-]?\d{3,4}[ .-]?\d{4}(?!\d)|(?<![A-Za-z0-9.-])\(?0\d{1,2}[). -]{1,2}\d{3,4}[ .-]\d{4}(?!\w)|(?<![A-Za-z0-9.-])(?:1[ .-])?\(?[2-9]\d{2}[). -]{1,2}\d{3}[ .-]\d{4}(?!\w)/,
  /(?<!\w)[0-9A-Fa-f]{2}(?:[:-][0-9A-Fa-f]{2}){5}(?!\w)/,
  /(?<![\d.])(?:\d{1,3}\.){3}\d{1,3}(?!\.?\d)/,
  /(?<![0-9A-Za-z])(?=[0-9A-Fa-f:]*::|(?:[0-9A-Fa-f]{1,4}:){7})[0-9A-Fa-f:]{3,}(?![0-9A-Za-z])/,
];

const GENERIC = new Set([
  'root', 'localhost', 'localdomain', 'user', 'users', 'admin', 'administrator', 'ubuntu', 'debian',
  'runner', 'runneradmin', 'test', 'tests', 'dev', 'home', 'main', 'docker', 'vscode', 'codespace',
  'node', 'app', 'python', 'git', 'nobody', 'guest', 'system', 'work', 'workspace', 'server',
  'client', 'host', 'local', 'default', 'container', 'cortex', 'extension', 'error', 'open',
  'click', 'panel', 'button', 'code', 'cursor', 'windsurf', 'free', 'trial', 'paid', 'enterprise',
]);

/** An expression that finds this machine's user and host name as whole words. */
export function machineRegex(names: readonly string[]): RegExp {
  const kept = names
    .flatMap((name) => [name, name.split('.')[0] ?? ''])
    // A name of the product's own vocabulary would blot out ordinary identifiers.
    .filter((name) => name.length >= 3 && !GENERIC.has(name.toLowerCase()))
    .map((name) => name.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  return kept.length > 0
    ? new RegExp(`(?<![a-z0-9])(?:${kept.join('|')})(?![a-z0-9])`, 'i')
    : /(?!)/;
}

function machineNames(): string[] {
  return [() => userInfo().username, hostname].flatMap((ask) => {
    try {
      return [ask()];
    } catch {
      return []; // a container may have no user
    }
  });
}

let machine: RegExp | undefined;

/** Whether `text` looks as if it held personal data or a secret; errs towards yes. */
export function isSuspicious(text: string): boolean {
  // Full-width letters and zero-width characters must not hide anything.
  const folded = text.normalize('NFKC').replace(/\p{Cf}|\p{Cc}/gu, '');
  machine ??= machineRegex(machineNames());
  return machine.test(folded) || PATTERNS.some((pattern) => pattern.test(folded));
}
