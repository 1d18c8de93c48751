//! Time as Unleash shows it, and ids nobody else has.

use jiff::Timestamp;

/// A moment, in whole milliseconds like everything that JavaScript writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stamp(pub Timestamp);

impl Stamp {
    /// Now.
    pub fn now() -> Self {
        let real = Timestamp::now();
        Self(Timestamp::from_millisecond(real.as_millisecond()).unwrap_or(real))
    }

    /// The form of every field: `2026-11-22T12:33:06.428Z`.
    pub fn text(self) -> String {
        self.0.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
    }

    /// Its day: `2026-11-22`.
    pub fn day(self) -> String {
        self.0.strftime("%Y-%m-%d").to_string()
    }
}

fn random() -> u128 {
    let mut bytes = [0_u8; 16];
    // Without randomness ids are made of time alone; a sandbox guards nothing.
    let _ = getrandom::fill(&mut bytes);
    u128::from_be_bytes(bytes)
}

/// A ULID: 26 letters and digits that sort by time.
pub(super) fn ulid() -> String {
    const DIGITS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    let time = u128::try_from(Timestamp::now().as_millisecond()).unwrap_or_default();
    let mut number = (time << 80) | (random() >> 48);
    let mut text = [b'0'; 26];
    for place in text.iter_mut().rev() {
        if let Some(digit) = usize::try_from(number & 31).ok().and_then(|index| DIGITS.get(index)) {
            *place = *digit;
        }
        number >>= 5;
    }
    String::from_utf8_lossy(&text).into_owned()
}

/// A random UUID, version 4.
pub(super) fn uuid() -> String {
    let number = random() & !(0xf000_u128 << 64) | (0x4000_u128 << 64);
    let number = number & !(0xc000_u128 << 48) | (0x8000_u128 << 48);
    let hex = format!("{number:032x}");
    let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default().to_owned();
    [part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32)].join("-")
}

/// 56 hexadecimal digits, as the secret of a token has them.
pub(super) fn secret() -> String {
    format!("{:032x}{:032x}", random(), random()).chars().take(56).collect()
}
