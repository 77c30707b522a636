//! Private keys that are locked with a password, as `cosign generate-key-pair` writes them: a JSON document
//! that says how the key is derived (scrypt) and what was locked with it (NaCl's secret box).

use crypto_secretbox::aead::{Aead as _, KeyInit as _};
use crypto_secretbox::{Nonce, XSalsa20Poly1305};
use serde::Deserialize;

use crate::key::{BadKey, from_base64};

/// How much memory a derivation may take: 128 · N · r bytes. cosign's is 64 MiB, that of older versions 32.
const MEMORY: u64 = 1 << 30;

#[derive(Deserialize)]
struct Sealed {
    kdf: Derivation,
    cipher: Cipher,
    ciphertext: String,
}

#[derive(Deserialize)]
struct Derivation {
    name: String,
    params: Costs,
    salt: String,
}

#[derive(Deserialize)]
struct Costs {
    #[serde(rename = "N")]
    n: u64,
    r: u32,
    p: u32,
}

#[derive(Deserialize)]
struct Cipher {
    name: String,
    nonce: String,
}

/// The key in PKCS #8.
pub(crate) fn open(document: &[u8], password: &str) -> Result<Vec<u8>, BadKey> {
    let bad = |reason: &str| BadKey::Kind {
        wanted: "private key of cosign's",
        reason: reason.to_owned(),
    };
    let sealed: Sealed =
        serde_json::from_slice(document).map_err(|_| bad("what is in it cannot be read"))?;
    if sealed.kdf.name != "scrypt" || sealed.cipher.name != "nacl/secretbox" {
        return Err(bad("it is locked in a way that is not known"));
    }
    let decoded = |text: &str| from_base64(text).ok_or_else(|| bad("its Base64 is broken"));
    let costs = sealed.kdf.params.read().ok_or_else(|| bad("its costs are out of bounds"))?;
    let mut key = [0; 32];
    scrypt::scrypt(password.as_bytes(), &decoded(&sealed.kdf.salt)?, &costs, &mut key)
        .map_err(|_| bad("its costs are out of bounds"))?;
    let nonce: [u8; 24] = decoded(&sealed.cipher.nonce)?
        .try_into()
        .map_err(|_| bad("its nonce has another length than 24 bytes"))?;
    XSalsa20Poly1305::new(&key.into())
        .decrypt(&Nonce::from(nonce), decoded(&sealed.ciphertext)?.as_slice())
        .map_err(|_| BadKey::Password)
}

impl Costs {
    fn read(&self) -> Option<scrypt::Params> {
        let memory = self.n.checked_mul(128)?.checked_mul(self.r.into())?;
        let fits = self.n.is_power_of_two() && memory <= MEMORY && self.p <= 16;
        let log = u8::try_from(self.n.checked_ilog2()?).ok()?;
        fits.then(|| scrypt::Params::new(log, self.r, self.p, 32).ok())?
    }
}
