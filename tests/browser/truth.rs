//! The page says what is so: about the microphone, about what is heard, and about a server that is silent.

use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use podium::config::OneOrMany;
use podium::server::{Mode, Server};
use podium_loadtest::relay::{Line, Relay};
use serde_json::json;

use super::driver::{Browser, programs, tone_file};
use super::proxy::Proxy;
use super::{DESKTOP, HOST_HZ, LISTENER_HZ, PHONE, brings, config, does, hears, join, listen, serve};

/// What the microphone's button and the words beside it say.
const MICROPHONE: &str = "(() => {
    const mic = document.querySelector('[data-testid=\"mic\"]');
    return mic.hidden ? null : mic.dataset.state;
})()";
/// Nowhere on the page stands that one is heard.
const UNCLAIMED: &str =
    "!document.body.innerText.includes('hears you.') || document.body.innerText.includes('Nobody hears you.')";

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_on_a_seat_comes_back_muted_as_the_page_says() {
    let Some(programs) = programs() else { return };
    let server = serve().await;
    let links = server.links().unwrap();
    let host = Browser::open(&programs, "reload-host", &tone_file(HOST_HZ), DESKTOP).await;
    let guest = Browser::open(&programs, "reload-guest", &tone_file(LISTENER_HZ), PHONE).await;
    join(&host, &links.host, "Ada").await;
    host.run("podium.updateRoom({ seatMode: 'free' })", json!([])).await;
    join(&guest, &links.listener, "Ben").await;
    guest.click("seat-1-button").await;
    hears(&host, LISTENER_HZ).await;
    guest.holds("sound leaves, and the page says so", &format!("{MICROPHONE} === 'on'")).await;

    guest.run("location.reload()", json!([])).await;
    guest.sees("join").await;
    let asked = "window.asked = 0; const real = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
        navigator.mediaDevices.getUserMedia = (wanted) => { asked += 1; return real(wanted); }";
    guest.run(asked, json!([])).await;
    assert!(guest.text("entry").await.contains("microphone off"), "{}", guest.text("entry").await);
    guest.click("join").await;
    guest.holds("the seat is theirs", "podium.state?.self.seat === 1").await;
    guest.holds("and the page says that they are muted", &format!("{MICROPHONE} === 'off'")).await;
    guest.sees("news").await;
    assert!(guest.text("news").await.contains("Your microphone is off"), "{}", guest.text("news").await);
    assert_eq!(guest.run(&format!("return {UNCLAIMED}"), json!([])).await, json!(true));
    guest.screenshot("truth-reloaded").await;
    host.holds("the host sees the mute", &super::tile(1, "muted", "self")).await;
    guest.holds("the path is there", "podium.connection === 'connected'").await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(listen(&host).await, 0.0, "nothing is heard");
    assert_eq!(guest.run("return asked", json!([])).await, json!(0), "nor is the microphone asked for");
    guest.click("mic").await;
    hears(&host, LISTENER_HZ).await;
    guest.holds("now they are heard", &format!("{MICROPHONE} === 'on'")).await;
    server.stop().await;
}

/// In place of the browser's microphone: blocked, absent, or the real one, as `window.wanted` says.
const MICROPHONES: &str = "window.wanted = 'NotAllowedError';
    const real = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
    navigator.mediaDevices.getUserMedia = async (constraints) => {
        if (wanted) throw new DOMException('not now', wanted);
        const stream = await real(constraints);
        window.track = stream.getAudioTracks()[0];
        return stream;
    };";

#[tokio::test(flavor = "multi_thread")]
async fn without_a_microphone_no_seat_is_taken_and_one_notice_says_what_to_do() {
    let Some(programs) = programs() else { return };
    let server = serve().await;
    let links = server.links().unwrap();
    let guest = Browser::open(&programs, "blocked", &tone_file(LISTENER_HZ), PHONE).await;
    join(&guest, &links.host, "Ada").await;
    join(&guest, &links.listener, "Ben").await;
    brings(&guest, "ada", "Ada", "host").await;
    does(&guest, "ada", "updateRoom({ seatMode: 'free' })").await;
    guest.holds("seats are free", "podium.state.room.seat_mode === 'free'").await;
    guest.run(MICROPHONES, json!([])).await;

    for (press, fault) in
        [("main-action", "NotAllowedError"), ("seat-2-button", "NotFoundError"), ("main-action", "NotReadableError")]
    {
        guest.run("window.wanted = arguments[0]", json!([fault])).await;
        guest.click(press).await;
        let code = match fault {
            "NotAllowedError" => "microphone_denied",
            "NotFoundError" => "microphone_missing",
            _ => "microphone_busy",
        };
        let notices =
            "[...document.querySelectorAll('[data-testid=\"error\"]')].map(({ dataset }) => dataset.code).join()";
        guest.holds("one notice, of the newest fault", &format!("{notices} === '{code}'")).await;
        assert!(guest.text("error").await.contains("nobody can hear you"), "{}", guest.text("error").await);
        assert_eq!(guest.run("return podium.state.self.seat ?? null", json!([])).await, json!(null), "{fault}");
    }
    guest.run("window.wanted = 'NotAllowedError'", json!([])).await;
    does(&guest, "ada", "updateRoom({ seatMode: 'apply' })").await;
    guest
        .holds(
            "hands are asked for",
            "document.querySelector('[data-testid=\"main-action\"]').dataset.action === 'raise-hand'",
        )
        .await;
    guest.click("main-action").await;
    guest
        .holds(
            "it says how to unblock it here",
            "document.querySelector('[data-code=\"microphone_denied\"]')?.innerText.includes('left of the address')",
        )
        .await;
    assert_eq!(guest.run("return podium.state.self.hand ?? null", json!([])).await, json!(null));
    tokio::time::sleep(Duration::from_secs(10)).await;
    guest.sees("error").await;
    guest.screenshot("truth-blocked").await;

    guest.run("window.wanted = ''", json!([])).await;
    does(&guest, "ada", "updateRoom({ seatMode: 'free' })").await;
    guest.click("seat-1-button").await;
    guest.holds("the seat is theirs", "podium.state.self.seat === 1").await;
    guest.holds("nothing is left to say", "!document.querySelector('[data-testid=\"error\"]')").await;
    guest.holds("they are heard", &format!("{MICROPHONE} === 'on'")).await;
    loses_its_microphone(&guest).await;
    server.stop().await;
}

/// On the seat the device is muted by the system, and then unplugged: nobody is told that they are heard.
async fn loses_its_microphone(guest: &Browser) {
    let muted = "Object.defineProperty(track, 'muted', { value: arguments[0], configurable: true });
        track.dispatchEvent(new Event(arguments[0] ? 'mute' : 'unmute'))";
    guest.run(muted, json!([true])).await;
    guest.holds("the system gives silence", &format!("{MICROPHONE} === 'silenced' && {UNCLAIMED}")).await;
    guest.screenshot("truth-silenced").await;
    guest.run(muted, json!([false])).await;
    guest.holds("and sound again", &format!("{MICROPHONE} === 'on'")).await;
    guest.run("track.stop(); track.dispatchEvent(new Event('ended'))", json!([])).await;
    guest
        .holds(
            "it is gone and they are muted",
            &format!("{MICROPHONE} === 'off' && podium.state.self.self_muted && {UNCLAIMED}"),
        )
        .await;
    guest.holds("that is said", "document.querySelector('[data-code=\"microphone_lost\"]')").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_be_said_of_a_microphone_follows_from_the_room_and_the_device() {
    let Some(programs) = programs() else { return };
    let server = serve().await;
    let browser = Browser::open(&programs, "pure", &tone_file(HOST_HZ), DESKTOP).await;
    browser.go(&server.links().unwrap().host).await;
    browser.sees("join").await;
    let script = "
        const { microphoneState } = await import('/view/actions.js');
        const { Liveness } = await import('/podium/liveness.js');
        const { browserName } = await import('/view/notices.js');
        const of = (self, seat, outgoing, interruption = null, server = {}) => microphoneState(
            { self: { rank: 'member', seat_state: 'occupied', seat: 1, ...self }, room: { seats: [{}, seat] }, interruption, ...server }, outgoing);
        let now = 0;
        const life = new Liveness(() => now);
        const seen = () => [life.hears, life.sends, life.hasPath];
        const alive = [seen()];
        life.figures({ received: 10, sent: 10, arrived: 10 }, now);
        alive.push(seen());
        now = 1000; life.figures({ received: 20, sent: 10, arrived: 10 }, now);
        alive.push(seen());
        now = 2000; life.figures({ received: 20, sent: 30, arrived: 11 }, now);
        alive.push(seen());
        now = 4000; life.figures({ received: 20, sent: 30, arrived: 11 }, now);
        alive.push(seen());
        now = 6000; alive.push(seen());
        now = 9100; alive.push(seen());
        const { isSoundDue } = await import('/podium/fold.js');
        const due = (speakers, interruption = null) => isSoundDue({ speakers: new Map(speakers.map((who) => [who, -30])), slots: [{ identity: 'ada' }, { identity: 'ben' }], interruption, self: { identity: 'me' } });
        const deaf = [];
        for (const [at, isDue] of [[20000, false], [21000, true], [24000, true], [26500, true], [27000, false], [28000, true]]) {
            now = at;
            life.expects(isDue, now);
            deaf.push(life.isDeaf);
        }
        const agents = ['Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0',
            'Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 Chrome/126.0 Mobile Safari/537.36',
            'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 Version/17.5 Safari/605.1.15',
            'Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 Version/17.5 Mobile Safari/604.1',
            'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/126.0 Safari/537.36', ''];
        return JSON.stringify({
            microphone: [
                of({ seat_state: 'reserved' }, {}, 'sent'), of({}, {}, 'sent'), of({}, {}, 'none'), of({}, {}, 'silenced'), of({}, {}, 'unsent'),
                of({ self_muted: true }, {}, 'sent'), of({ host_muted: true, self_muted: true }, {}, 'none'),
                of({}, { muted_by_host: true }, 'sent'), of({ self_muted: true }, { muted_by_host: true }, 'sent'),
                of({}, {}, 'sent', { mode: 'hold' }), of({}, {}, 'none', { mode: 'hold' }),
                of({}, {}, 'sent', null, { unheard: 'ssrc' }), of({}, {}, 'sent', null, { quality: 'lost' }),
            ],
            alive,
            deaf,
            due: [due([]), due(['me']), due(['ada']), due(['zoe']), due(['ada'], { mode: 'hold', by: 'ben' }), due(['ben'], { mode: 'hold', by: 'ben' })],
            browsers: agents.map((userAgent) => browserName({ userAgent })),
        });";
    let told = browser.run_async(script, json!([])).await;
    let told: serde_json::Value = serde_json::from_str(told.as_str().unwrap()).unwrap();
    let expected = json!([
        null, "on", "none", "silenced", "unsent", "off", "host", "seat_on", "seat_off", "held", "none", "unheard",
        "unsent"
    ]);
    assert_eq!(told["microphone"], expected);
    let (no, yes) = (false, true);
    let none = [no, no, no];
    let expected = json!([none, none, [yes, no, yes], [yes, yes, yes], [no, yes, yes], [no, yes, yes], none]);
    assert_eq!(told["alive"], expected, "hears, sends, has a path");
    assert_eq!(told["deaf"], json!([no, no, no, yes, no, no]));
    assert_eq!(told["due"], json!([no, no, yes, no, no, yes]));
    assert_eq!(told["browsers"], json!(["firefox", "android", "safari", "ios", "chrome", "other"]));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_server_is_not_said_to_be_heard_and_rings_go_out() {
    let Some(programs) = programs() else { return };
    let media: SocketAddr = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let relay = Relay::udp("127.0.0.1:0", media, Line::default(), 1).unwrap();
    let mut config = config();
    config.media.listen = OneOrMany::One(media);
    config.media.advertise = vec![format!("127.0.0.1:{}", relay.address().port())];
    let server = Server::start(config, Mode::Development).await.unwrap();
    let proxy = Proxy::before(server.http(), "").await;
    let links = server.links().unwrap();
    let host = Browser::open(&programs, "silent-host", &tone_file(HOST_HZ), DESKTOP).await;
    let guest = Browser::open(&programs, "silent-guest", &tone_file(LISTENER_HZ), PHONE).await;
    join(&host, &links.host, "Ada").await;
    host.run("podium.takeSeat(0)", json!([])).await;
    join(&guest, &proxy.link(&links.listener, ""), "Ben").await;
    hears(&guest, HOST_HZ).await;
    guest.holds("the ring shows the voice", &super::tile(0, "speaking", "true")).await;

    let spoken = "document.querySelector('[data-testid=\"spoken\"]')";
    let listen_to = "window.said = []; new MutationObserver(([{ target }]) => said.push(target.textContent))";
    guest.run(&format!("{listen_to}.observe({spoken}, {{ childList: true }})"), json!([])).await;
    proxy.freeze(true);
    guest.sees("banner-reconnecting").await;
    let banner = "(document.querySelector('[data-testid=\"banner-reconnecting\"]')?.innerText ?? '')";
    guest.holds("audio goes on, and the page says so", &format!("{banner}.includes('You can still hear')")).await;
    guest.holds("rings tell of a moment that is over", &super::tile(0, "speaking", "false")).await;
    guest.screenshot("truth-still-hears").await;

    let dead: Line = Line { up: "loss=100".parse().unwrap(), down: "loss=100".parse().unwrap() };
    relay.set(dead).unwrap();
    guest.holds("no sound comes any more", &format!("{banner}.includes('no sound comes')")).await;
    // A reading of before, taken late on a busy machine, is believed for 5 s at most.
    tokio::time::sleep(Duration::from_secs(10)).await;
    guest.holds("no sound comes, still", &format!("{banner}.includes('no sound comes')")).await;
    assert_eq!(guest.run(&format!("return {banner}.includes('still hear')"), json!([])).await, json!(false));
    guest.screenshot("truth-silent-server").await;

    relay.set(Line::default()).unwrap();
    proxy.freeze(false);
    proxy.lead_to(server.http());
    guest.holds("it is back", "podium.phase === 'joined'").await;
    guest.holds("and a screen reader hears so", "said.includes('You are back in the room.')").await;
    hears(&guest, HOST_HZ).await;
    server.stop().await;
}

/// As browsers do that have not been touched yet: nothing plays until a press or a key.
const HELD_BACK: &str = "
    const play = HTMLMediaElement.prototype.play;
    window.touched = false;
    for (const kind of ['pointerup', 'keydown']) addEventListener(kind, () => { touched = true; }, { capture: true });
    HTMLMediaElement.prototype.play = function () {
        return touched ? play.call(this) : Promise.reject(new DOMException('not touched', 'NotAllowedError'));
    };";

#[tokio::test(flavor = "multi_thread")]
async fn sound_that_is_held_back_stays_offered_until_any_touch_starts_it() {
    let Some(programs) = programs() else { return };
    let server = serve().await;
    let links = server.links().unwrap();
    let guest = Browser::open(&programs, "held-back", &tone_file(LISTENER_HZ), PHONE).await;
    join(&guest, &links.host, "Ada").await;
    guest.before_each_page(HELD_BACK).await;
    guest.go(&format!("{}&autojoin=1&name=Ben", links.listener)).await;
    guest.sees("sound-blocked").await;
    let count = "window.passed = 0; new MutationObserver((changes) => { for (const { addedNodes } of changes) passed += addedNodes.length; })";
    let list = "document.querySelector('[data-testid=\"notices\"]')";
    guest.run(&format!("{count}.observe({list}, {{ childList: true }})"), json!([])).await;
    brings(&guest, "ada", "Ada", "host").await;
    let me = super::identity(&guest).await;
    for _ in 0..4 {
        does(&guest, "ada", &format!("assignSeat(2, '{me}')")).await;
        guest.holds("an offer stands", "podium.state.self.offer").await;
        does(&guest, "ada", "lockSeat(2)").await;
        guest.holds("it is over", "!podium.state.self.offer").await;
        does(&guest, "ada", "unlockSeat(2)").await;
    }
    guest.holds("more notices have come than stand at once", "passed > 3").await;
    guest.sees("sound-on").await;
    guest.screenshot("truth-held-back").await;
    guest.click("room-title").await;
    guest.holds("any touch starts the sound", "!document.querySelector('[data-testid=\"sound-blocked\"]')").await;
    guest.holds("it plays", "[...document.querySelectorAll('audio')].every((audio) => !audio.paused)").await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_double_tap_does_one_thing() {
    let Some(programs) = programs() else { return };
    let server = serve().await;
    let links = server.links().unwrap();
    let guest = Browser::open(&programs, "double", &tone_file(LISTENER_HZ), PHONE).await;
    join(&guest, &links.host, "Ada").await;
    join(&guest, &links.listener, "Ben").await;
    brings(&guest, "ada", "Ada", "host").await;
    does(&guest, "ada", "updateRoom({ seatMode: 'free' })").await;
    let action =
        |name: &str| format!("document.querySelector('[data-testid=\"main-action\"]').dataset.action === '{name}'");
    let errors = "document.querySelectorAll('[data-testid=\"error\"]').length === 0";

    for gap in [60, 250, 450] {
        guest.holds("a seat can be taken", &action("take-seat")).await;
        pause().await;
        guest.double_tap("main-action", Duration::from_millis(gap)).await;
        guest.holds("they sit", "podium.state.self.seat_state === 'occupied'").await;
        pause().await;
        guest
            .holds(
                "and go on sitting, without a complaint",
                &format!("podium.state.self.seat_state === 'occupied' && {errors}"),
            )
            .await;

        guest.holds("the microphone is on", &format!("{MICROPHONE} === 'on'")).await;
        pause().await;
        guest.double_tap("mic", Duration::from_millis(gap)).await;
        guest.holds("muted", "podium.state.self.self_muted").await;
        pause().await;
        guest.holds("and not unmuted again", "podium.state.self.self_muted").await;

        guest.double_tap("main-action", Duration::from_millis(gap)).await;
        guest.holds("they left", "podium.state.self.seat === undefined").await;
        pause().await;
        guest.holds("and did not sit down again", &format!("podium.state.self.seat === undefined && {errors}")).await;
    }
    does(&guest, "ada", "updateRoom({ seatMode: 'apply' })").await;
    guest.holds("hands can be raised", &action("raise-hand")).await;
    pause().await;
    guest.double_tap("main-action", Duration::from_millis(200)).await;
    guest.holds("the hand is up", "podium.state.self.hand").await;
    pause().await;
    guest.holds("and stays up", "podium.state.self.hand").await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_double_tap_of_a_host_locks_once_and_presses_nothing_in_the_menu() {
    let Some(programs) = programs() else { return };
    let server = serve().await;
    let links = server.links().unwrap();
    let host = Browser::open(&programs, "double-host", &tone_file(HOST_HZ), PHONE).await;
    join(&host, &links.host, "Ada").await;
    pause().await;
    host.double_tap("seat-3-button", Duration::from_millis(200)).await;
    host.sees("menu-lock-seat").await;
    pause().await;
    host.holds("nothing was pressed in the menu", "document.querySelector('[data-testid=\"menu\"]').open && podium.state.room.seats[3].state === 'open' && podium.state.self.seat === undefined").await;
    host.double_tap("menu-lock-seat", Duration::from_millis(200)).await;
    host.holds("the seat is locked", "podium.state.room.seats[3].state === 'locked'").await;
    pause().await;
    host.holds("and no other menu has opened", "!document.querySelector('[data-testid=\"menu\"]').open").await;
    host.run("document.querySelector('[data-testid=\"room-settings\"]').open = true", json!([])).await;
    host.double_tap("auto-offer", Duration::from_millis(200)).await;
    host.holds("the switch was turned once", "podium.state.room.auto_offer === true").await;
    pause().await;
    host.holds("and stays", "podium.state.room.auto_offer === true").await;
    server.stop().await;
}

/// Longer than the page takes for two presses of one finger.
async fn pause() {
    tokio::time::sleep(Duration::from_millis(900)).await;
}
