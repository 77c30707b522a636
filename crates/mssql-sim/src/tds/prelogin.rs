//! PRELOGIN: version and encryption are agreed upon. [MS-TDS] 2.2.6.5.

/// ENCRYPTION as either side states it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encryption {
    /// Only the login is encrypted.
    Off,
    On,
    NotSupported,
    Required,
}

impl Encryption {
    fn byte(self) -> u8 {
        match self {
            Self::Off => 0,
            Self::On => 1,
            Self::NotSupported => 2,
            Self::Required => 3,
        }
    }

    /// What the client asks for.
    pub(super) fn asked(body: &[u8]) -> Self {
        match option(body, 0x01).and_then(|data| data.first()) {
            Some(0) => Self::Off,
            Some(1) => Self::On,
            Some(3) => Self::Required,
            _ => Self::NotSupported,
        }
    }

    /// The server's answer: the table of 2.2.6.5. `None`: the two cannot meet.
    pub(super) fn answer(asked: Self, tls: super::tls::Tls) -> Option<Self> {
        use super::tls::Tls;
        match (asked, tls) {
            (Self::On | Self::Required, Tls::None) => Some(Self::NotSupported),
            (_, Tls::None) => Some(Self::NotSupported),
            (Self::Off, Tls::Offered) => Some(Self::Off),
            (Self::On | Self::Required, Tls::Offered) => Some(Self::On),
            (Self::NotSupported, Tls::Offered) => Some(Self::NotSupported),
            (Self::NotSupported, Tls::Required) => None,
            (_, Tls::Required) => Some(Self::Required),
        }
    }
}

fn option(body: &[u8], wanted: u8) -> Option<&[u8]> {
    let mut at = 0;
    while *body.get(at)? != 0xFF {
        let entry = body.get(at..at + 5)?;
        if entry[0] == wanted {
            let from = usize::from(u16::from_be_bytes([entry[1], entry[2]]));
            let len = usize::from(u16::from_be_bytes([entry[3], entry[4]]));
            return body.get(from..from + len);
        }
        at += 5;
    }
    None
}

/// The server's PRELOGIN.
pub(super) fn response(encryption: Encryption, fed_auth: bool) -> Vec<u8> {
    let mut options: Vec<(u8, Vec<u8>)> = vec![
        (0x00, vec![16, 0, 0x10, 0x4A, 0, 0]),
        (0x01, vec![encryption.byte()]),
        (0x02, vec![0]),
        (0x03, vec![]),
        (0x04, vec![0]),
    ];
    if fed_auth {
        options.push((0x06, vec![1]));
    }
    let mut at = options.len() * 5 + 1;
    let (mut table, mut data) = (Vec::new(), Vec::new());
    for (token, value) in options {
        table.push(token);
        table.extend((at as u16).to_be_bytes());
        table.extend((value.len() as u16).to_be_bytes());
        at += value.len();
        data.extend(value);
    }
    table.push(0xFF);
    table.extend(data);
    table
}

/// Did the client say that a token is going to come instead of a password?
pub(super) fn wants_fed_auth(body: &[u8]) -> bool {
    option(body, 0x06).and_then(|data| data.first()) == Some(&1)
}
