use super::*;

const SECRET: &str = "123456:a-bot-token, also \u{1f600}";
const NONCE: [u8; NONCE_BYTES] = [9; NONCE_BYTES];

fn key() -> MasterKey {
    MasterKey::from_bytes([1; 32])
}

/// Calls with a place made of these texts.
fn at<T>(tenant: &str, name: &str, version: u32, call: impl FnOnce(SecretPlace<'_>) -> T) -> T {
    call(SecretPlace {
        tenant: &tenant.parse().unwrap(),
        secret_ref: &name.parse().unwrap(),
        version,
    })
}

fn sealed() -> SealedSecret {
    at("acme", "telegram.botToken", 1, |place| {
        key().seal(place, &SECRET.into(), NONCE).unwrap()
    })
}

fn open(key: &MasterKey, sealed: &SealedSecret) -> Result<SecretString, OpenError> {
    at("acme", "telegram.botToken", 1, |place| {
        key.open(place, sealed)
    })
}

#[test]
fn a_sealed_secret_opens_at_its_place() {
    assert_eq!(open(&key(), &sealed()).unwrap().expose_secret(), SECRET);
}

#[test]
fn a_secret_of_another_tenant_name_or_version_does_not_open() {
    for (tenant, name, version) in [
        ("acme2", "telegram.botToken", 1),
        ("acme", "telegram.botToken2", 1),
        ("acme", "telegram.botToken", 2),
        ("acmet", "elegram.botToken", 1),
    ] {
        let opened = at(tenant, name, version, |place| key().open(place, &sealed()));
        assert_eq!(opened.unwrap_err(), OpenError::Tampered(key().id()));
    }
}

#[test]
fn a_secret_with_any_bit_changed_does_not_open() {
    let original = sealed();
    for at in 0..original.ciphertext.len() {
        let mut changed = original.clone();
        changed.ciphertext[at] ^= 1;
        assert!(open(&key(), &changed).is_err(), "ciphertext byte {at}");
    }
    for at in 0..NONCE_BYTES {
        let mut changed = original.clone();
        changed.nonce[at] ^= 1;
        assert!(open(&key(), &changed).is_err(), "nonce byte {at}");
    }
    for length in 0..original.ciphertext.len() {
        let mut changed = original.clone();
        changed.ciphertext.truncate(length);
        assert!(open(&key(), &changed).is_err(), "{length} bytes");
    }
}

#[test]
fn another_key_is_told_by_its_id_and_nothing_of_the_secret_is() {
    let other = MasterKey::from_bytes([2; 32]);
    let error = open(&other, &sealed()).unwrap_err();
    let told = format!("{error} {error:?}");
    assert!(told.contains(&key().id().to_string()), "{told}");
    assert!(told.contains(&other.id().to_string()), "{told}");
    assert!(!told.contains("bot-token"), "{told}");
    // Nor does it open where the row claims to be under the other key.
    let mut relabelled = sealed();
    relabelled.key_id = other.id();
    assert_eq!(
        open(&other, &relabelled).unwrap_err(),
        OpenError::Tampered(other.id())
    );
}

#[test]
fn a_secret_is_sealed_at_the_longest_and_refused_one_beyond() {
    let seal = |bytes: usize| {
        at("acme", "a", 1, |place| {
            key().seal(place, &"x".repeat(bytes).into(), NONCE)
        })
    };
    assert_eq!(
        seal(SECRET_BYTES_MAX).unwrap().ciphertext.len(),
        SECRET_BYTES_MAX + 16
    );
    assert_eq!(seal(0).unwrap().ciphertext.len(), 16);
    let error = seal(SECRET_BYTES_MAX + 1).unwrap_err();
    assert_eq!(
        error.to_string(),
        "a secret may have 65536 bytes at most, not 65537"
    );
}

#[test]
fn another_nonce_gives_another_ciphertext() {
    let again = at("acme", "telegram.botToken", 1, |place| {
        key().seal(place, &SECRET.into(), [8; NONCE_BYTES]).unwrap()
    });
    assert_ne!(again.ciphertext, sealed().ciphertext);
}

#[test]
fn debug_shows_neither_the_secret_nor_its_ciphertext() {
    let shown = format!("{:?}", sealed());
    assert_eq!(
        shown,
        format!("SealedSecret({}, {} bytes)", key().id(), SECRET.len() + 16)
    );
}

/// The ciphertext comes from another implementation of the cipher and of the key's derivation.
#[test]
fn what_an_earlier_release_sealed_still_opens() {
    let stored = SealedSecret {
        key_id: key().id(),
        nonce: NONCE,
        ciphertext: hex::decode(concat!(
            "95763c1ec08f6b4f1192632928923e9157f3c9728ba1f1461dc1f67fdb08779f",
            "44c2db54d22d062c3805226aa9"
        ))
        .unwrap(),
    };
    assert_eq!(open(&key(), &stored).unwrap().expose_secret(), SECRET);
}
