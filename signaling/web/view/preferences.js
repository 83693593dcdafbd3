/** One's own preferences: language, volume, no invitations. They are kept in this browser. */
import { el, set } from './dom.js';
import { LANGUAGES, currentLanguage, t } from '../words.js';

export function preferences(root, { run, room, sound, remember, onLanguage }) {
  const language = languageChoice(onLanguage);
  const volume = el('input', { type: 'range', testid: 'volume', id: 'volume', min: '0', max: '100', step: '5', on: { input: changeVolume } });
  volume.value = String(Math.round(sound.volume * 100));
  const noInvites = el('input', { type: 'checkbox', role: 'switch', testid: 'do-not-invite', on: { change: changeInvites } });
  const close = el('button.plain', { testid: 'settings-close', on: { click: () => box.close() }, text: t('menu.close') });
  const box = el('dialog.menu', { testid: 'settings', 'aria-labelledby': 'settings-title', on: { click: (event) => event.target === box && box.close() } },
    el('div.menu-body', {}, el('h2', { id: 'settings-title', text: t('settings') }),
      el('label.field', {}, el('span', { text: t('settings.language') }), language),
      el('label.field', {}, el('span', { text: t('settings.volume') }), volume),
      el('label.switch', {}, el('span', { text: t('settings.do_not_invite') }), noInvites), close));
  root.append(box);

  function changeVolume() {
    sound.setVolume(Number(volume.value) / 100);
    remember('volume', String(sound.volume));
  }

  function changeInvites() {
    remember('do_not_invite', noInvites.checked ? '1' : '0');
    run(() => room.setPrefs({ doNotInvite: noInvites.checked }));
  }

  function update(state) {
    if (document.activeElement !== noInvites) set(noInvites, { checked: Boolean(state.self.do_not_invite) });
  }

  return { update, open: () => box.showModal(), close: () => box.close() };
}

export function languageChoice(onLanguage) {
  const choice = el('select', { testid: 'language', id: 'language', on: { change: () => onLanguage(choice.value) } },
    ...LANGUAGES.map(([tag, name]) => el('option', { value: tag, lang: tag, text: name })));
  choice.value = currentLanguage();
  return choice;
}
