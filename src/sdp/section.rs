//! A section is one `m=` line of an offer and what stands below it.

use rtc_sdp::description::common::Attribute;
use rtc_sdp::description::media::MediaDescription;

use super::SdpError;

/// One media section as it was offered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// What kind of media.
    pub kind: SectionKind,
    /// The transport protocol, such as `UDP/TLS/RTP/SAVPF`.
    pub protocol: String,
    /// The formats of the `m=` line, as they stand.
    pub formats: Vec<String>,
    /// The section's name.
    pub mid: Option<String>,
    /// Who may send, as the client sees it.
    pub direction: Direction,
    /// The section is offered: its port is not zero, or zero only because it is `a=bundle-only`.
    pub offered: bool,
    /// `a=rtcp-mux` stands there.
    pub rtcp_mux: bool,
    /// `a=rtcp-rsize` stands there.
    pub reduced_size_rtcp: bool,
    /// `a=extmap-allow-mixed` stands there.
    pub extmap_allow_mixed: bool,
    /// The first usable Opus payload type.
    pub opus: Option<Opus>,
    /// Header extensions with usable ids.
    pub extensions: Vec<Extension>,
    /// The SSRCs that the section declares, in their order.
    pub ssrcs: Vec<u32>,
}

/// What kind of media a section carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SectionKind {
    /// Sound.
    Audio,
    /// Pictures.
    Video,
    /// Data channels.
    Application,
    /// Something else that SDP knows.
    Other(&'static str),
}

/// Who may send, as the one who wrote the section sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Both ends.
    SendRecv,
    /// The writer.
    SendOnly,
    /// The other end.
    RecvOnly,
    /// Nobody.
    Inactive,
}

/// An Opus payload type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opus {
    /// Its number.
    pub payload_type: u8,
    /// Its format parameters, as they stand.
    pub fmtp: Option<String>,
}

/// A header extension.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extension {
    /// Its id, 1 to 255 without 15.
    pub id: u8,
    /// Who may use it, as the offerer sees it.
    pub direction: Direction,
    /// Its name.
    pub uri: String,
}

impl SectionKind {
    /// The word of the `m=` line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Audio => "audio",
            Self::Video => "video",
            Self::Application => "application",
            Self::Other(name) => name,
        }
    }

    fn parse(name: &str) -> Result<Self, SdpError> {
        Ok(match name {
            "audio" => Self::Audio,
            "video" => Self::Video,
            "application" => Self::Application,
            "text" => Self::Other("text"),
            "message" => Self::Other("message"),
            "image" => Self::Other("image"),
            _ => return Err(SdpError::NotSdp),
        })
    }
}

impl Direction {
    /// The attribute's name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SendRecv => "sendrecv",
            Self::SendOnly => "sendonly",
            Self::RecvOnly => "recvonly",
            Self::Inactive => "inactive",
        }
    }

    /// Reads an attribute's name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        let all = [Self::SendRecv, Self::SendOnly, Self::RecvOnly, Self::Inactive];
        all.into_iter().find(|direction| direction.as_str() == name)
    }

    /// The writer may send.
    #[must_use]
    pub const fn sends(self) -> bool {
        matches!(self, Self::SendRecv | Self::SendOnly)
    }

    /// The writer may receive.
    #[must_use]
    pub const fn receives(self) -> bool {
        matches!(self, Self::SendRecv | Self::RecvOnly)
    }
}

impl Section {
    /// Reads a section; `default` is the direction that the session level sets.
    pub(super) fn parse(media: &MediaDescription, default: Direction) -> Result<Self, SdpError> {
        let attributes = &media.attributes;
        let kind = SectionKind::parse(&media.media_name.media)?;
        let mid = value_of(attributes, "mid").map(str::to_owned);
        if mid.as_deref().is_some_and(|mid| !is_mid(mid)) {
            return Err(SdpError::BadMid);
        }
        let has = |name: &str| media.has_attribute(name);
        let direction = attributes.iter().find_map(|attribute| Direction::parse(&attribute.key));
        Ok(Self {
            kind,
            protocol: media.media_name.protos.join("/"),
            formats: media.media_name.formats.clone(),
            mid,
            direction: direction.unwrap_or(default),
            offered: media.media_name.port.value != 0 || has("bundle-only"),
            rtcp_mux: has("rtcp-mux"),
            reduced_size_rtcp: has("rtcp-rsize"),
            extmap_allow_mixed: has("extmap-allow-mixed"),
            opus: find_opus(&media.media_name.formats, attributes),
            extensions: values_of(attributes, "extmap").filter_map(Extension::parse).collect(),
            ssrcs: distinct_ssrcs(attributes),
        })
    }

    /// Audio that we can take: offered, over RTP, with Opus.
    pub(super) fn usable_audio(&self) -> bool {
        self.kind == SectionKind::Audio
            && self.offered
            && self.opus.is_some()
            && self.protocol.ends_with("TLS/RTP/SAVPF")
    }

    /// The id of an extension that the client is ready to use in that direction.
    pub(super) fn extension_id(&self, uri: &str, usable: fn(Direction) -> bool) -> Option<u8> {
        let mut named = self.extensions.iter().filter(|e| e.uri == uri);
        named.find(|e| usable(e.direction)).map(|e| e.id)
    }
}

impl Extension {
    /// Reads `<id>["/"<direction>] <uri> [<attributes>]`.
    fn parse(value: &str) -> Option<Self> {
        let mut fields = value.split_ascii_whitespace();
        let (id, uri) = (fields.next()?, fields.next()?);
        let (id, direction) = match id.split_once('/') {
            Some((id, direction)) => (id, Direction::parse(direction)?),
            None => (id, Direction::SendRecv),
        };
        let id = id.parse().ok().filter(|id| ![0, RESERVED_ID].contains(id))?;
        let uri = uri.to_owned();
        Some(Self { id, direction, uri })
    }
}

/// All values of an attribute, in their order.
pub(super) fn values_of<'a>(attributes: &'a [Attribute], key: &'a str) -> impl Iterator<Item = &'a str> {
    let named = attributes.iter().filter(move |a| a.key == key);
    named.filter_map(|a| a.value.as_deref()).map(str::trim)
}

/// The first value of an attribute.
pub(super) fn value_of<'a>(attributes: &'a [Attribute], key: &'a str) -> Option<&'a str> {
    values_of(attributes, key).next()
}

/// The first format of the `m=` line that is Opus and whose packets cannot be taken for RTCP.
fn find_opus(formats: &[String], attributes: &[Attribute]) -> Option<Opus> {
    let of = |key, format: &str| {
        values_of(attributes, key)
            .filter_map(|value| value.split_once(' '))
            .find(|(number, _)| *number == format)
            .map(|(_, value)| value.trim())
    };
    let is_opus = |format: &&String| of("rtpmap", format).is_some_and(|name| name.eq_ignore_ascii_case(OPUS_NAME));
    let usable = |format: &String| -> Option<u8> {
        let number = format.parse().ok()?;
        (number <= 127 && !TAKEN_FOR_RTCP.contains(&number)).then_some(number)
    };
    formats
        .iter()
        .filter(is_opus)
        .find_map(|format| Some(Opus { payload_type: usable(format)?, fmtp: of("fmtp", format).map(str::to_owned) }))
}

fn distinct_ssrcs(attributes: &[Attribute]) -> Vec<u32> {
    let mut ssrcs: Vec<u32> = Vec::new();
    for value in values_of(attributes, "ssrc") {
        let number = value.split(' ').next().and_then(|ssrc| ssrc.parse().ok());
        // One source has several lines in a row; duplicates further apart do no harm.
        if let Some(ssrc) = number.filter(|ssrc| ssrcs.last() != Some(ssrc)) {
            ssrcs.push(ssrc);
        }
    }
    ssrcs
}

/// A token (RFC 8866, section 9) of bounded length: it is repeated in our answer.
fn is_mid(mid: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`{|}~".contains(&byte);
    (1..=MID_MAX).contains(&mid.len()) && mid.bytes().all(allowed)
}

const OPUS_NAME: &str = "opus/48000/2";
/// With the marker bit these payload types look like RTCP (RFC 5761, section 4).
const TAKEN_FOR_RTCP: std::ops::RangeInclusive<u8> = 64..=95;
/// The id that ends a block of one-byte elements.
const RESERVED_ID: u8 = 15;
const MID_MAX: usize = 32;
