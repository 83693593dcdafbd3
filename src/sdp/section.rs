//! A section is one `m=` line of an offer and what stands below it.

use rtc_sdp::description::common::Attribute;
use rtc_sdp::description::media::MediaDescription;

use super::SdpError;
use super::opus::{Opus, OpusFormat, PacketTime};

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
    /// The length of packets that is asked for.
    pub packet_time: PacketTime,
    /// The first format of any kind.
    pub first_format: Option<PlainFormat>,
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

/// A format that an answer can name in a section that stays without media.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlainFormat {
    /// As the `m=` line has it.
    pub name: String,
    /// What says what it is: values of `a=rtpmap`, `a=fmtp`, `a=sctp-port` and their like, with the attributes' names.
    pub attributes: Vec<(&'static str, String)>,
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
            packet_time: PacketTime::parse(value_of(attributes, "ptime"), value_of(attributes, "maxptime")),
            first_format: find_format(kind, &media.media_name.formats, attributes),
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

/// Returns the first format of the `m=` line that is Opus and whose packets cannot be taken for RTCP.
fn find_opus(formats: &[String], attributes: &[Attribute]) -> Option<Opus> {
    let is_opus =
        |format: &&String| about(attributes, "rtpmap", format).is_some_and(|name| name.eq_ignore_ascii_case(OPUS_NAME));
    let usable = |format: &String| -> Option<u8> {
        let number = format.parse().ok()?;
        (number <= 127 && !TAKEN_FOR_RTCP.contains(&number)).then_some(number)
    };
    formats.iter().filter(is_opus).find_map(|name| {
        let format = about(attributes, "fmtp", name).map(OpusFormat::parse).unwrap_or_default();
        Some(Opus { payload_type: usable(name)?, format })
    })
}

/// Returns the first format that is media by itself, with all that a client needs to know it again.
fn find_format(kind: SectionKind, formats: &[String], attributes: &[Attribute]) -> Option<PlainFormat> {
    if kind == SectionKind::Application {
        let name = formats.first()?.clone();
        let whole = ["sctp-port", "max-message-size", "sctpmap"].into_iter();
        let attributes = whole.filter_map(|key| Some((key, value_of(attributes, key)?.to_owned())));
        return Some(PlainFormat { name, attributes: attributes.collect() });
    }
    // A repair format is nothing without the format that it repairs.
    let is_repair = |name: &&String| {
        let codec = about(attributes, "rtpmap", name).and_then(|codec| codec.split('/').next());
        codec.is_some_and(|codec| REPAIR.iter().any(|repair| codec.eq_ignore_ascii_case(repair)))
    };
    let name = formats.iter().find(|name| !is_repair(name)).or(formats.first())?;
    let of = |key: &'static str| Some((key, format!("{name} {}", about(attributes, key, name)?)));
    Some(PlainFormat { name: name.clone(), attributes: ["rtpmap", "fmtp"].into_iter().filter_map(of).collect() })
}

/// Returns what the first attribute with this key says of a format, if the format stands first in its value.
fn about<'a>(attributes: &'a [Attribute], key: &'a str, format: &str) -> Option<&'a str> {
    let mut pairs = values_of(attributes, key).filter_map(|value| value.split_once(' '));
    pairs.find(|(name, _)| *name == format).map(|(_, value)| value.trim())
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
const REPAIR: [&str; 5] = ["rtx", "red", "ulpfec", "flexfec", "flexfec-03"];
/// With the marker bit these payload types look like RTCP (RFC 5761, section 4).
const TAKEN_FOR_RTCP: std::ops::RangeInclusive<u8> = 64..=95;
/// The id that ends a block of one-byte elements.
const RESERVED_ID: u8 = 15;
/// As long as a header extension can carry (RFC 8285 section 4.3).
const MID_MAX: usize = 255;
