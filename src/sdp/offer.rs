//! An offer, read and bounded.

use std::io::Cursor;

use rtc_sdp::description::common::Attribute;
use rtc_sdp::description::session::SessionDescription;

use super::section::{Direction, Section, value_of, values_of};
use super::{OFFER_MAX, SECTIONS_MAX, SdpError};

/// What a client offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// The client's ICE user fragment.
    pub ufrag: String,
    /// The client's ICE password.
    pub pwd: String,
    /// The fingerprints of the client's certificate; any of them may match.
    pub fingerprints: Vec<Fingerprint>,
    /// Who may begin the DTLS handshake.
    pub setup: Setup,
    /// The media sections in their order.
    pub sections: Vec<Section>,
    /// `a=extmap-allow-mixed` stands at the session level.
    pub extmap_allow_mixed: bool,
    /// The sections (by index) that share the one transport, in the order of their group: the BUNDLE group of the first
    /// audio section that we can take, or that section alone.
    pub(super) bundled: Vec<usize>,
    /// There is such a BUNDLE group.
    pub(super) has_bundle: bool,
}

/// A hash of a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fingerprint {
    /// The hash function.
    pub hash: HashName,
    /// Its value over the certificate's DER.
    pub digest: Vec<u8>,
}

/// The hash functions that are good enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HashName {
    /// 32 bytes.
    Sha256,
    /// 48 bytes.
    Sha384,
    /// 64 bytes.
    Sha512,
}

/// Who may begin the DTLS handshake, as offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Setup {
    /// Either end; also if nothing is said.
    ActPass,
    /// The client begins.
    Active,
    /// We begin.
    Passive,
}

impl HashName {
    /// The name as SDP writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sha256 => "sha-256",
            Self::Sha384 => "sha-384",
            Self::Sha512 => "sha-512",
        }
    }

    /// Length of the hash, in bytes.
    #[must_use]
    pub const fn digest_len(self) -> usize {
        match self {
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }
}

impl Fingerprint {
    /// Reads `<hash> <hex pairs with colons>`, in any case; `None` for weak hashes and wrong lengths.
    fn parse(value: &str) -> Option<Self> {
        let (name, hex) = value.split_once(' ')?;
        let all = [HashName::Sha256, HashName::Sha384, HashName::Sha512];
        let hash = all.into_iter().find(|hash| hash.as_str().eq_ignore_ascii_case(name))?;
        let pair = |pair: &str| {
            let is_hex = pair.len() == 2 && pair.bytes().all(|b| b.is_ascii_hexdigit());
            is_hex.then(|| u8::from_str_radix(pair, 16).ok()).flatten()
        };
        let digest: Vec<u8> = hex.trim().split(':').map(pair).collect::<Option<_>>()?;
        (digest.len() == hash.digest_len()).then_some(Self { hash, digest })
    }
}

impl Offer {
    /// Reads an offer.
    ///
    /// # Errors
    ///
    /// Tells why it cannot be answered.
    pub fn parse(text: &str) -> Result<Self, SdpError> {
        if text.len() > OFFER_MAX {
            return Err(SdpError::TooLong);
        }
        if !is_lines(text) {
            return Err(SdpError::NotSdp);
        }
        if text.lines().filter(|line| line.starts_with("m=")).count() > SECTIONS_MAX {
            return Err(SdpError::TooManySections);
        }
        let description =
            SessionDescription::unmarshal(&mut Cursor::new(text.as_bytes())).map_err(|_| SdpError::NotSdp)?;

        let default = description
            .attributes
            .iter()
            .find_map(|attribute| Direction::parse(&attribute.key))
            .unwrap_or(Direction::SendRecv);
        let sections = description
            .media_descriptions
            .iter()
            .map(|media| Section::parse(media, default))
            .collect::<Result<Vec<_>, _>>()?;
        refuse_equal_mids(&sections)?;
        let (bundled, has_bundle) = shared_transport(&description.attributes, &sections)?;

        let levels = Levels::new(&description, &bundled);
        let (ufrag, pwd) = levels.ice_credentials()?;
        Ok(Self {
            ufrag,
            pwd,
            fingerprints: levels.fingerprints()?,
            setup: levels.setup()?,
            extmap_allow_mixed: description.has_attribute("extmap-allow-mixed"),
            sections,
            bundled,
            has_bundle,
        })
    }

    /// The SSRCs that the offer declares anywhere.
    pub fn ssrcs(&self) -> impl Iterator<Item = u32> + '_ {
        self.sections.iter().flat_map(|s| s.ssrcs.iter().copied())
    }
}

/// The places where attributes of the transport may stand, the likeliest first.
struct Levels<'a>(Vec<&'a [Attribute]>);

impl<'a> Levels<'a> {
    /// The shared sections in their order, then the session, then (a rejected section may carry them) all others.
    fn new(description: &'a SessionDescription, bundled: &[usize]) -> Self {
        let media = &description.media_descriptions;
        let shared = bundled.iter().map(|&index| &media[index]);
        let mut levels: Vec<_> = shared.map(|m| m.attributes.as_slice()).collect();
        levels.push(&description.attributes);
        levels.extend(media.iter().map(|m| m.attributes.as_slice()));
        Self(levels)
    }

    fn ice_credentials(&self) -> Result<(String, String), SdpError> {
        let both = |level: &&[Attribute]| {
            let ufrag = value_of(level, "ice-ufrag")?.to_owned();
            Some((ufrag, value_of(level, "ice-pwd")?.to_owned()))
        };
        let (ufrag, pwd) = self.0.iter().find_map(both).ok_or(SdpError::NoIceCredentials)?;
        let is_ice = |text: &str| {
            let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'+' || byte == b'/';
            text.bytes().all(allowed)
        };
        let good = UFRAG_LEN.contains(&ufrag.len()) && PWD_LEN.contains(&pwd.len()) && is_ice(&ufrag) && is_ice(&pwd);
        good.then_some((ufrag, pwd)).ok_or(SdpError::BadIceCredentials)
    }

    fn fingerprints(&self) -> Result<Vec<Fingerprint>, SdpError> {
        let of = |level: &&[Attribute]| -> Vec<Fingerprint> {
            let parsed = values_of(level, "fingerprint").filter_map(Fingerprint::parse);
            parsed.take(FINGERPRINTS_MAX).collect()
        };
        let mut lists = self.0.iter().map(of);
        lists.find(|list| !list.is_empty()).ok_or(SdpError::NoFingerprint)
    }

    fn setup(&self) -> Result<Setup, SdpError> {
        let value = self.0.iter().find_map(|level| value_of(level, "setup"));
        match value {
            None | Some("actpass") => Ok(Setup::ActPass),
            Some("active") => Ok(Setup::Active),
            Some("passive") => Ok(Setup::Passive),
            Some(_) => Err(SdpError::BadSetup),
        }
    }
}

/// Every CR is followed by LF, and there are no other control characters: parts of the text are repeated in the answer.
fn is_lines(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.iter().enumerate().all(|(at, byte)| match byte {
        b'\r' => bytes.get(at + 1) == Some(&b'\n'),
        b'\n' | b'\t' => true,
        byte => !byte.is_ascii_control(),
    })
}

fn refuse_equal_mids(sections: &[Section]) -> Result<(), SdpError> {
    let mut mids: Vec<_> = sections.iter().filter_map(|s| s.mid.as_deref()).collect();
    mids.sort_unstable();
    let equal = mids.windows(2).any(|pair| pair[0] == pair[1]);
    if equal {
        return Err(SdpError::DuplicateMid);
    }
    Ok(())
}

/// The sections that share a transport with the first audio section that we can take, and whether by a BUNDLE group.
fn shared_transport(session: &[Attribute], sections: &[Section]) -> Result<(Vec<usize>, bool), SdpError> {
    let first = sections.iter().position(Section::usable_audio).ok_or(SdpError::NoAudio)?;
    let groups = values_of(session, "group").filter_map(|group| group.strip_prefix("BUNDLE "));
    for group in groups {
        let index_of = |mid: &str| sections.iter().position(|section| section.mid.as_deref() == Some(mid));
        let mut members = Vec::new();
        for index in group.split_ascii_whitespace().filter_map(index_of) {
            if !members.contains(&index) {
                members.push(index);
            }
        }
        if members.contains(&first) {
            return Ok((members, true));
        }
    }
    Ok((vec![first], false))
}

/// Lengths that RFC 8839 allows, in characters.
const UFRAG_LEN: std::ops::RangeInclusive<usize> = 4..=256;
const PWD_LEN: std::ops::RangeInclusive<usize> = 22..=256;
/// More fingerprints than this are not kept.
const FINGERPRINTS_MAX: usize = 8;
