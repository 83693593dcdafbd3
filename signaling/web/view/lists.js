/** The host's lists: invitations that wait for an answer, and who is banned. */
import { el, keep, set, text } from './dom.js';
import { isOwner, nameOf } from './permit.js';
import { seatIn, secondsUntil, t } from '../words.js';

export function invitations(root, { run, room }) {
  const list = el('ul.entries', { testid: 'invites', 'aria-label': t('console.invites') });
  const none = el('p.muted', { text: t('console.no_invites') });
  root.append(el('h2', { text: t('console.invites') }), list, none);

  function make({ id, to }) {
    return entry(`invite-row-${to}`, t('console.revoke'), `revoke-${to}`, (button) => run(() => room.revokeInvite({ invite: id }), button));
  }

  function draw(row, invite) {
    const name = invite.to_name ?? invite.to;
    const seat = invite.seat === undefined ? null : seatIn(invite.seat);
    const left = invite.until === undefined ? null : t('stage.seconds', { seconds: secondsUntil(invite.until) });
    fill(row, name, [seat, t('console.invite_by', { name: invite.from_name ?? invite.from }), left], t('console.revoke_name', { name }));
  }

  function update(state) {
    const { invites = [] } = state.room;
    keep(list, invites, (invite) => invite.id, make, draw);
    set(none, { hidden: invites.length > 0 });
  }

  return { update };
}

export function bans(root, { run, room }) {
  const count = el('span.count.plain', { testid: 'ban-count' });
  const list = el('ul.entries', { testid: 'bans', 'aria-label': t('console.bans') });
  const heading = el('h2', {}, `${t('console.bans')} `, count);
  root.append(heading, list);

  function make({ identity }) {
    return entry(`ban-row-${identity}`, t('console.unban'), `unban-${identity}`, (button) => run(() => room.unbanMember(identity), button));
  }

  function draw(row, ban, state) {
    fill(row, ban.identity, [t('console.ban_by', { name: nameOf(state, ban.by) }), ban.reason, ban.endsAt && t('console.ban_ends', { time: new Date(Date.now() + ban.endsAt - performance.now()).toLocaleString() })], t('console.unban_name', { name: ban.identity }));
    set(row.lastElementChild, { hidden: !isOwner(state.self) });
  }

  function update(state) {
    const { bans: known = [], ban_count: total = 0 } = state.room;
    keep(list, known, (ban) => ban.identity, make, (row, ban) => draw(row, ban, state));
    set(count, { text: total });
    set(heading, { hidden: total === 0 });
    set(list, { hidden: total === 0 });
  }

  return { update };
}

function entry(testid, label, buttonId, act) {
  return el('li.hand', { testid }, el('span.label', {}, el('span.name'), el('span.status')),
    el('button.plain.small', { testid: buttonId, on: { click: (event) => act(event.currentTarget) }, text: label }));
}

function fill(row, name, about, spoken) {
  const [label, button] = row.children;
  text(label.firstElementChild, name);
  text(label.lastElementChild, about.filter(Boolean).join(' · '));
  set(button, { 'aria-label': spoken });
}
