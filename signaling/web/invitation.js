/**
 * An invitation is what the address says about a tab: which room, as whom, and the pass to enter with.
 *
 *   /?room=demo&rank=host        development: the server makes up a pass (`POST /dev/token`); every tab is its own person
 *   /?room=demo#token=<jwt>      a pass made elsewhere; it is taken out of the address at once
 *   &name=Ada &autojoin=1        for tools and tests
 *
 * A reload keeps the identity (and so takes over its own session), because it is kept for this tab.
 */
import { PodiumError } from './podium/errors.js';

export function readInvitation() {
  const query = new URLSearchParams(location.search);
  const room = query.get('room') ?? '';
  const given = takeToken(room);
  const claims = given ? claimsOf(given) : {};
  const rank = given ? (claims.podium?.rank ?? (claims.video?.roomAdmin ? 'host' : 'member')) : (query.get('rank') ?? 'member');
  return {
    room: room || claims.video?.room || '',
    rank,
    name: given ? (claims.name ?? claims.sub ?? '') : (query.get('name') ?? remembered('name') ?? ''),
    nameFixed: Boolean(given),
    autojoin: query.get('autojoin') === '1',
    given,
  };
}

/** The pass to join with: the given one, or a fresh one from the development server for this tab's identity. */
export async function obtainToken({ given, room, rank, name }) {
  if (given) return given;
  const key = `podium.identity.${room}.${rank}`;
  const identity = sessionStorage.getItem(key) ?? undefined;
  const body = JSON.stringify({ room, rank, identity, name: name || undefined });
  const response = await fetch(new URL('dev/token', new URL('./', location.href)), { method: 'POST', headers: { 'content-type': 'application/json' }, body });
  if (!response.ok) throw new PodiumError(await refusal(response));
  const made = await response.json();
  sessionStorage.setItem(key, made.identity);
  return made.token;
}

export function remember(key, value) {
  localStorage.setItem(`podium.${key}`, value);
}

export function remembered(key) {
  return localStorage.getItem(`podium.${key}`);
}

/** The fragment never reaches a server; still it must not stay in the history or on the screen. */
function takeToken(room) {
  const key = `podium.token.${room}`;
  const token = new URLSearchParams(location.hash.slice(1)).get('token');
  if (token === null) return sessionStorage.getItem(key);
  history.replaceState(null, '', location.pathname + location.search);
  sessionStorage.setItem(key, token);
  return token;
}

/** For showing a name only; the server is who checks a token. */
function claimsOf(token) {
  try {
    const bytes = Uint8Array.from(atob(token.split('.')[1].replaceAll('-', '+').replaceAll('_', '/')), (char) => char.codePointAt(0));
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return {};
  }
}

async function refusal(response) {
  if (response.status === 404) return 'no_invitation'; // not in development mode
  const problem = await response.json().catch(() => ({}));
  return problem.code ?? (response.status >= 500 ? 'internal' : 'unauthenticated');
}
