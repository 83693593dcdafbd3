//! What is read, from where, and what is told of it.

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use super::*;

const LONG: &str = "0123456789abcdef0123456789abcdef";
const OTHER: &str = "fedcba9876543210fedcba9876543210";

/// A folder that goes with its handle, and the configuration in it.
struct Home(PathBuf);

impl Home {
    fn new(name: &str, text: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("podium-config-{}-{name}", std::process::id()));
        let _absent = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).expect("made");
        let home = Self(folder);
        home.write("podium.toml", text, 0o600);
        home
    }

    fn write(&self, name: &str, text: &str, mode: u32) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, text).expect("written");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).expect("its mode");
        path
    }

    fn read(&self, environment: &[(&str, &str)]) -> (Config, Vec<String>) {
        let pairs = environment.iter().map(|(name, value)| (OsString::from(name), OsString::from(value)));
        Config::read(Some(&self.0.join("podium.toml")), pairs)
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let _gone = std::fs::remove_dir_all(&self.0);
    }
}

/// Reads a text, as from a file that has no name.
fn load(text: &str, environment: &[(&str, &str)]) -> Result<Config, Faults> {
    let mut faults = Vec::new();
    let mut sources = Sources::default();
    let mut table = sources.read_text(text, &mut faults);
    let pairs = environment.iter().map(|(name, value)| (OsString::from(name), OsString::from(value)));
    environment::apply(&mut table, pairs, &mut sources, &mut faults);
    let mut config = Config::from_table(table, Path::new("."), &mut sources, &mut faults);
    config.check(&sources, &mut faults);
    config.sources = sources;
    if faults.is_empty() { Ok(config) } else { Err(Faults(faults)) }
}

fn faults(text: &str, environment: &[(&str, &str)]) -> Vec<String> {
    let Faults(faults) = load(text, environment).expect_err("faulty");
    faults
}

fn ids(config: &Config) -> Vec<&str> {
    config.auth.keys.keys().map(String::as_str).collect()
}

#[test]
fn the_defaults_are_loopback_and_sound() {
    let config = load("", &[]).expect("sound");
    assert!(config.http.listen.ip().is_loopback() && config.admin.listen.ip().is_loopback());
    assert_eq!(config.media.listen.as_slice(), [loopback(7882)]);
    assert_eq!((config.port_faults(), config.warnings()), (Vec::new(), Vec::new()));
}

#[test]
fn an_origin_is_written_as_browsers_do() {
    for good in ["https://console.example.org", "http://localhost:3000", "https://[::1]:8443"] {
        assert!(is_origin(good), "{good}");
    }
    for bad in ["", "*", "console.example.org", "https://a.example/", "https://u@a.example", "ftp://a.example", "null"]
    {
        assert!(!is_origin(bad), "{bad}");
    }
    assert!(faults("[http]\ncors_origins = [\"*\"]", &[])[0].contains("http.cors_origins"));
}

#[test]
fn the_environment_goes_over_the_file() {
    let file = "[http]\nlisten = \"127.0.0.1:1\"\n[media]\nworkers = 1\nlisten = [\"127.0.0.1:5\", \"[::1]:5\"]";
    let config = load(
        file,
        &[("PODIUM__HTTP__LISTEN", "127.0.0.1:2"), ("PODIUM__MEDIA__WORKERS", "2"), ("PODIUM__log__Filter", "debug")],
    )
    .expect("sound");
    assert_eq!(config.http.listen, loopback(2));
    assert_eq!((config.media.workers, config.log.filter.as_str()), (2, "debug"));
    assert_eq!(config.media.listen.as_slice().len(), 2);
}

#[test]
fn the_id_of_a_key_keeps_its_case_and_its_underscores() {
    for id in ["Ops", "OPS", "ops", "my__Key", "a_b", "APIxyZ9", "FILE"] {
        let config = load("", &[(&format!("PODIUM__AUTH__KEYS__{id}"), LONG)]).expect("sound");
        assert_eq!(ids(&config), [id]);
        assert_eq!(config.auth.keys[id].expose(), LONG);
    }
    let config = load(&format!("[auth.keys]\nops = {LONG:?}"), &[("PODIUM__AUTH__KEYS__OPS", OTHER)]).expect("sound");
    assert_eq!(ids(&config), ["OPS", "ops"]);
    assert!(config.warnings()[0].contains("OPS and ops"), "{:?}", config.warnings());
}

#[test]
fn a_secret_is_taken_to_the_letter() {
    // As TOML these would be a number with a comment, a float, a date with a rest, true with a rest.
    let secrets = [
        "12345678901234567890 # 12345678901234567890",
        "12345678901234567890123456789e12",
        "1979-05-27T07:32:00Z # and a longer rest",
        "pass=word,with;[everything]{that}'is\"odd",
        "  a secret with spaces at both of its ends  ",
    ];
    for secret in secrets {
        let config = load("", &[("PODIUM__AUTH__KEYS__ops", secret)]).expect("sound");
        assert_eq!(config.auth.keys["ops"].expose(), secret);
    }
    let config = load("", &[("PODIUM__AUTH__KEYS__ops", &format!("{LONG:?}"))]).expect("sound");
    assert_eq!(config.auth.keys["ops"].expose(), LONG, "quotes that a shell has left are none of it");
    let faults = faults("[auth.keys]\nops = 12345678901234567", &[]);
    assert!(faults[0].starts_with("line 2: auth.keys.ops: ") && !faults[0].contains("12345678"), "{faults:?}");
}

#[test]
fn a_text_is_a_list_of_one_and_commas_separate() {
    let config = load(
        "[http]\ncors_origins = \"https://file.example\"",
        &[("PODIUM__MEDIA__LISTEN", "127.0.0.1:5, [::1]:5"), ("PODIUM__MEDIA__ADVERTISE", "198.51.100.7")],
    )
    .expect("sound");
    assert_eq!(config.http.cors_origins, ["https://file.example"]);
    assert_eq!(config.media.listen.as_slice().len(), 2);
    assert_eq!(config.media.advertise, ["198.51.100.7"]);
    for (value, expected) in [
        ("", &[][..]),
        ("https://a.example", &["https://a.example"]),
        ("https://a.example,https://b.example", &["https://a.example", "https://b.example"]),
        (" https://a.example , ,https://b.example,", &["https://a.example", "https://b.example"]),
        ("[\"https://a.example\", \"https://b.example\"]", &["https://a.example", "https://b.example"]),
        ("\"https://a.example\"", &["https://a.example"]),
    ] {
        let config = load("", &[("PODIUM__HTTP__CORS_ORIGINS", value)]).expect(value);
        assert_eq!(config.http.cors_origins, expected, "{value:?}");
    }
    let one = load("", &[("PODIUM__MEDIA__LISTEN", "[::1]:5")]).expect("sound");
    assert_eq!(one.media.listen, OneOrMany::One("[::1]:5".parse().expect("an address")));
    for bad in ["7", "127.0.0.1:5;127.0.0.1:6", "127.0.0.1:5,here", "[1, 2]"] {
        let faults = faults("", &[("PODIUM__MEDIA__LISTEN", bad)]);
        assert!(faults[0].starts_with("PODIUM__MEDIA__LISTEN: media.listen: "), "{faults:?}");
    }
    let targets = "[[webhooks.targets]]\nname = \"a\"\nurl = \"https://example.org\"\nevents = \"seat.*, room.closed\"\nsecrets = \"x\"";
    let config = load(targets, &[]).expect("sound");
    assert_eq!(config.webhooks.targets[0].events, ["seat.*", "room.closed"]);
}

#[test]
fn a_text_stays_one_though_it_looks_like_a_number() {
    let config = load("", &[("PODIUM__STORE__PATH", "2026"), ("PODIUM__LOG__FILTER", "off")]).expect("sound");
    assert_eq!(config.store.path, Some(PathBuf::from("2026")));
    let config = load("", &[("PODIUM__STORE__PATH", "true")]).expect("sound");
    assert_eq!(config.store.path, Some(PathBuf::from("true")));
}

#[test]
fn an_override_goes_over_a_file_of_a_secret_and_the_other_way_round() {
    let home = Home::new(
        "override",
        "[auth.keys]\nops_file = \"not-there.key\"\nbackup = \"0123456789abcdef0123456789abcdef\"",
    );
    home.write("held.key", &format!("{OTHER}\n"), 0o600);
    let (config, faults) =
        home.read(&[("PODIUM__AUTH__KEYS__ops", LONG), ("PODIUM__AUTH__KEYS__backup_FILE", "held.key")]);
    assert_eq!(faults, Vec::<String>::new(), "a file that holds no more is not looked for");
    assert_eq!(config.auth.keys["ops"].expose(), LONG);
    assert_eq!(config.auth.keys["backup"].expose(), OTHER);
    assert_eq!(ids(&config), ["backup", "ops"]);

    let (_, faults) = home.read(&[("PODIUM__AUTH__KEYS__ops", LONG), ("PODIUM__AUTH__KEYS__ops_file", "held.key")]);
    assert!(
        faults.iter().any(|fault| fault.contains("KEYS__ops_file: ") && fault.contains("KEYS__ops is set")),
        "{faults:?}"
    );
    let (_, faults) = Home::new("both", &format!("[auth.keys]\nops = {LONG:?}\nops_file = \"held.key\"")).read(&[]);
    assert!(faults[0].contains("podium.toml:3: auth.keys.ops_file: auth.keys.ops is set as well"), "{faults:?}");
}

#[test]
fn a_variable_that_is_no_key_is_told_with_the_nearest() {
    for (name, meant) in [
        ("PODIUM_HTTP_LISTEN", "PODIUM__HTTP__LISTEN"),
        ("PODIUM_MEDIA__ADVERTISE", "PODIUM__MEDIA__ADVERTISE"),
        ("PODIUM_STORE_PATH", "PODIUM__STORE__PATH"),
        ("PODIUM_CONFG", "PODIUM_CONFIG"),
        ("PODIUM_AUTH_KEYS_ops", "PODIUM__AUTH__KEYS__<id>"),
        ("PODIUM_X", "PODIUM__SECTION__KEY"),
    ] {
        let config = load("", &[(name, "x")]).expect("no fault");
        let warnings = config.warnings();
        assert!(warnings.len() == 1 && warnings[0].starts_with(name) && warnings[0].contains(meant), "{warnings:?}");
    }
    for (name, said) in [
        ("PODIUM__HTTP_LISTEN", "did you mean PODIUM__HTTP__LISTEN?"),
        ("PODIUM__HTTP__LISSTEN", "http.lissten"),
        ("PODIUM__HTPP__LISTEN", "[htpp]: unknown section"),
        ("PODIUM__WEBHOOKS__TARGETS__0__URL", "expected PODIUM__SECTION__KEY"),
        ("PODIUM__", "expected PODIUM__SECTION__KEY"),
        ("PODIUM__AUTH__KEYS__", "PODIUM__AUTH__KEYS__<id> sets a secret"),
    ] {
        let faults = faults("", &[(name, "127.0.0.1:1")]);
        assert!(faults.iter().any(|fault| fault.starts_with(name) && fault.contains(said)), "{name}: {faults:?}");
    }
    for (name, value) in [
        ("PODIUM_CONFIG", "x"),
        ("PODIUM_WEBHOOK_SECRET", "x"),
        ("PODIUM_REQUIRE_WALK", "1"),
        ("PODIUM_SERVICE_HOST", "10.0.0.1"),
        ("PODIUM_ADMIN_SERVICE_PORT_HTTP", "6789"),
        ("PODIUM_PORT", "tcp://10.0.0.1:7880"),
        ("PODIUM_PORT_7880_TCP_ADDR", "10.0.0.1"),
        ("PODIUMX", "x"),
        ("OTHER__THING", "x"),
    ] {
        assert_eq!(load("", &[(name, value)]).expect("sound").warnings(), Vec::<String>::new(), "{name}");
    }
}

#[test]
fn a_variable_that_is_no_text_is_told_and_others_of_the_kind_are_not_our_affair() {
    use std::os::unix::ffi::OsStringExt as _;
    let odd = || OsString::from_vec(vec![0xff, 0xfe]);
    let (_, faults) = Config::read(None, [("SOMETHING".into(), odd()), (odd(), odd())]);
    assert_eq!(faults, Vec::<String>::new());
    let (_, faults) = Config::read(None, [("PODIUM__HTTP__LISTEN".into(), odd())]);
    assert_eq!(faults, ["PODIUM__HTTP__LISTEN: the value is no UTF-8"]);
}

#[test]
fn every_fault_is_reported_at_once() {
    let file = "[http]\nlisten = 7\nlissten = \"x\"\n[rooms]\nseats = 40\n[nonsense]\n[auth.keys]\nshort = \"abc\"\n[media]\nadvertise = [\n  \"1.2.3.4\",\n  \"here\",\n]\n[latency]\nlaggy_ms = 100\nrefuse_at = 1.5";
    let faults = faults(file, &[("PODIUM__MEDIA__WORKERS", "many")]);
    for expected in [
        "line 2: http.listen: 7",
        "line 3: http.lissten: \"x\"",
        "line 5: rooms.seats: 40",
        "line 6: [nonsense]",
        "line 8: auth.keys.short",
        "PODIUM__MEDIA__WORKERS: media.workers: \"many\"",
        "line 12: media.advertise.1: \"here\"",
        "line 15: latency.laggy_ms: 100",
        "line 16: latency.refuse_at: 1.5",
    ] {
        assert!(faults.iter().any(|fault| fault.starts_with(expected)), "{expected} in {faults:#?}");
    }
    assert_eq!(faults.len(), 9, "{faults:#?}");
}

#[test]
fn a_file_that_is_no_toml_is_told_with_its_lines() {
    let home = Home::new("broken", "[http]\nlisten = \n[media\nworkers = 1\n");
    let (_, faults) = home.read(&[]);
    for line in [2, 3] {
        let place = format!("podium.toml:{line}: ");
        assert!(faults.iter().any(|fault| fault.contains(&place)), "{line} in {faults:?}");
    }
    let (_, faults) = Home::new("twice", "[http]\nlisten = \"127.0.0.1:1\"\nlisten = \"127.0.0.1:2\"").read(&[]);
    assert!(faults[0].contains("podium.toml:3: ") && faults[0].contains("duplicate"), "{faults:?}");
}

#[test]
fn faults_of_a_webhook_target_name_it_and_leave_the_others() {
    let file = "[[webhooks.targets]]\nname = \"a\"\nurl = \"https://example.org\"\nsecrets = [\"x\"]\n\
                [[webhooks.targets]]\nname = \"b\"\nevents = 7\nsecret = \"y\"";
    let mut faults = Vec::new();
    let mut sources = Sources::default();
    let table = sources.read_text(file, &mut faults);
    let config = Config::from_table(table, Path::new(""), &mut sources, &mut faults);
    assert_eq!(config.webhooks.targets.len(), 1);
    for expected in [
        "line 7: webhooks.targets.1.events: ",
        "line 8: webhooks.targets.1.secret: unknown field",
        "line 5: webhooks.targets.1: a target needs a url",
    ] {
        assert!(faults.iter().any(|fault| fault.starts_with(expected)), "{expected} in {faults:#?}");
    }
    assert_eq!(faults.len(), 3, "{faults:#?}");
}

#[test]
fn a_secret_may_stand_in_a_file_and_is_never_shown() {
    let home = Home::new("secret", "[auth.keys]\nops_file = \"ops.key\"");
    home.write("ops.key", &format!("{LONG}\n"), 0o600);
    let (config, faults) = home.read(&[]);
    assert_eq!((faults, config.warnings()), (Vec::new(), Vec::new()));
    assert_eq!(config.auth.keys["ops"].expose(), LONG);
    assert!(!format!("{config:?}").contains("0123456789"));
    assert!(!toml::to_string(&config).expect("printable").contains("0123456789"));
}

#[test]
fn a_file_of_secrets_that_every_user_may_read_is_told() {
    let home = Home::new(
        "readers",
        "[auth.keys]\nops_file = \"ops.key\"\n[[webhooks.targets]]\nname = \"a\"\nurl = \"https://example.org\"\nsecret_files = [\"hook.key\"]",
    );
    for (mode, is_told) in [(0o600, false), (0o640, false), (0o644, true), (0o604, true)] {
        home.write("ops.key", LONG, mode);
        home.write("hook.key", "whsec_x", mode);
        home.write("podium.toml", &std::fs::read_to_string(home.0.join("podium.toml")).expect("there"), 0o644);
        let warnings = home.read(&[]).0.warnings();
        let told = |name: &str| warnings.iter().any(|warning| warning.contains(name) && warning.contains("every user"));
        assert_eq!((told("ops.key"), told("hook.key")), (is_told, is_told), "{mode:o}: {warnings:?}");
        assert!(!told("podium.toml"), "there is no secret in it: {warnings:?}");
    }
    let home = Home::new("holds", &format!("[auth.keys]\nops = {LONG:?}"));
    assert_eq!(home.read(&[]).0.warnings(), Vec::<String>::new());
    home.write("podium.toml", &format!("[auth.keys]\nops = {LONG:?}"), 0o644);
    assert!(home.read(&[]).0.warnings()[0].contains("podium.toml: every user"));
    assert_eq!(home.read(&[("PODIUM__AUTH__KEYS__ops", OTHER)]).0.warnings(), Vec::<String>::new());
}

#[test]
fn listeners_that_take_each_others_port_are_told_with_both_lines() {
    let meets = |http: &str, admin: &str, media: &str, workers: usize| {
        let text = format!(
            "[http]\nlisten = {http:?}\n[admin]\nlisten = {admin:?}\n[media]\nworkers = {workers}\nlisten = {media}"
        );
        let config = load(&text, &[]).expect("sound so far");
        (config.port_faults(), config.warnings())
    };
    let media = "\"127.0.0.1:9000\"";
    for (http, admin) in [
        ("127.0.0.1:80", "127.0.0.1:80"),
        ("0.0.0.0:80", "127.0.0.1:80"),
        ("127.0.0.1:80", "[::]:80"),
        ("[::]:80", "0.0.0.0:80"),
        ("[::1]:80", "[::]:80"),
    ] {
        let (faults, _) = meets(http, admin, media, 1);
        assert_eq!(faults.len(), 1, "{http} {admin}: {faults:?}");
        assert!(faults[0].starts_with("line 2: http.listen: ") && faults[0].contains("(line 4)"), "{faults:?}");
        assert!(faults[0].contains(http) && faults[0].contains(admin), "{faults:?}");
    }
    for (http, admin) in [
        ("127.0.0.1:80", "127.0.0.1:81"),
        ("127.0.0.1:80", "127.0.0.2:80"),
        ("127.0.0.1:80", "[::1]:80"),
        ("0.0.0.0:80", "[::1]:80"),
        ("127.0.0.1:0", "127.0.0.1:0"),
    ] {
        assert_eq!(meets(http, admin, media, 1), (Vec::new(), Vec::new()), "{http} {admin}");
    }
    for (media, workers, count) in [
        ("[\"127.0.0.1:7882\", \"127.0.0.1:7883\"]", 2, 1),
        ("[\"127.0.0.1:7882\", \"127.0.0.1:7884\"]", 2, 0),
        ("[\"0.0.0.0:7882\", \"127.0.0.1:7885\"]", 4, 1),
        ("[\"0.0.0.0:7882\", \"[::]:7882\"]", 4, 0),
        ("[\"127.0.0.1:0\", \"127.0.0.1:1\"]", 4, 0),
        ("\"127.0.0.1:65534\"", 2, 0),
        ("\"127.0.0.1:65534\"", 3, 1),
    ] {
        let (faults, warnings) = meets("127.0.0.1:80", "127.0.0.1:81", media, workers);
        assert_eq!((faults.len(), warnings.len()), (count, 0), "{media} {workers}: {faults:?}");
    }
    // UDP and TCP have ports of their own: it works, and is told.
    let (faults, warnings) = meets("0.0.0.0:7883", "127.0.0.1:81", "\"0.0.0.0:7882\"", 2);
    assert_eq!((faults.len(), warnings.len()), (0, 1), "{faults:?} {warnings:?}");
    assert!(warnings[0].contains("0.0.0.0:7883") && warnings[0].contains("7882 to 7883"), "{warnings:?}");
}

#[test]
fn a_store_that_cannot_lie_there_is_told_with_its_line() {
    let home = Home::new("store", "");
    let fault = |path: &Path| {
        let config = load(&format!("[store]\npath = {path:?}"), &[]).expect("sound so far");
        config.store_fault(true)
    };
    let told = |path: &Path, words: &str| {
        let fault = fault(path).expect("a fault");
        assert!(fault.starts_with("line 2: store.path: ") && fault.contains(words), "{fault}");
        assert!(fault.contains(&path.display().to_string()), "{fault}");
    };
    assert_eq!(fault(&home.0.join("podium.db")), None);
    assert_eq!(fault(Path::new(":memory:")), None);
    assert_eq!(Config::default().store_fault(false), None, "in development mode it lies in memory");
    told(&home.0.join("nowhere").join("podium.db"), "No such file");
    told(&home.0, "is a folder");
    told(&home.0.join("podium.toml").join("podium.db"), "no folder");
    let locked = home.0.join("locked");
    std::fs::create_dir(&locked).expect("made");
    std::fs::set_permissions(&locked, std::fs::Permissions::from_mode(0o555)).expect("its mode");
    // Root may write there all the same.
    match std::fs::write(locked.join("probe"), "") {
        Ok(()) => assert_eq!(fault(&locked.join("podium.db")), None),
        Err(_) => told(&locked.join("podium.db"), "cannot be written"),
    }
}
