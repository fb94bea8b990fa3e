use super::*;
use secrecy::SecretString;

const BYTES: [u8; MASTER_KEY_BYTES] = [0xa7; MASTER_KEY_BYTES];

fn secrets(variable: Option<&str>, file: Option<&Path>) -> Secrets {
    Secrets {
        master_key: variable.map(SecretString::from),
        operator_token: None,
        master_key_file: file.map(Path::to_path_buf),
    }
}

fn variable(text: &str) -> Result<MasterKey, MasterKeyError> {
    MasterKey::from_config(&secrets(Some(text), None))
}

#[cfg(unix)]
fn file_with(mode: u32, text: &[u8]) -> (tempfile::TempDir, PathBuf) {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("master.key");
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
    (folder, path)
}

#[test]
fn a_key_is_read_from_hex_and_from_base64_with_blanks_around_it() {
    let expected = MasterKey::from_bytes(BYTES).id();
    let texts = [
        hex::encode(BYTES),
        hex::encode_upper(BYTES),
        format!(" {}\n", hex::encode(BYTES)),
        STANDARD.encode(BYTES),
        format!("{}\r\n", STANDARD.encode(BYTES)),
    ];
    for text in texts {
        assert_eq!(variable(&text).unwrap().id(), expected);
    }
}

#[test]
fn a_key_of_any_other_length_or_alphabet_is_refused_without_repeating_it() {
    let texts = [
        String::new(),
        hex::encode([0xa7; 31]),
        hex::encode([0xa7; 33]),
        format!("{}g", "a".repeat(63)),
        STANDARD.encode([0xa7; 31]),
        STANDARD.encode([0xa7; 33]),
        STANDARD.encode([0xa7; 48]),
        "a7".repeat(1_000),
        "a passphrase is no key".to_owned(),
    ];
    for text in texts {
        let error = variable(&text).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the master key in AGENT_FACTORY_MASTER_KEY must be 32 bytes as 64 hex digits or as base64"
        );
        assert!(!format!("{error:?}").contains("a7a7"));
    }
}

#[test]
fn without_a_variable_or_a_file_there_is_no_key() {
    let error = MasterKey::from_config(&secrets(None, None)).unwrap_err();
    assert!(
        error.to_string().contains("secrets.master_key_file"),
        "{error}"
    );
}

#[cfg(unix)]
#[test]
fn the_variable_goes_before_the_file() {
    let (_folder, path) = file_with(0o600, hex::encode([1; 32]).as_bytes());
    let from_file = MasterKey::from_config(&secrets(None, Some(&path))).unwrap();
    assert_eq!(from_file.id(), MasterKey::from_bytes([1; 32]).id());
    let both = MasterKey::from_config(&secrets(Some(&hex::encode(BYTES)), Some(&path))).unwrap();
    assert_eq!(both.id(), MasterKey::from_bytes(BYTES).id());
}

#[cfg(unix)]
#[test]
fn a_file_that_others_can_reach_is_refused_with_what_to_do() {
    let text = hex::encode(BYTES);
    for mode in [0o600, 0o400] {
        let (_folder, path) = file_with(mode, text.as_bytes());
        assert!(MasterKey::from_file(&path).is_ok(), "{mode:o}");
    }
    for mode in [0o700, 0o640, 0o620, 0o610, 0o604, 0o602, 0o601, 0o644] {
        let (_folder, path) = file_with(mode, text.as_bytes());
        let error = MasterKey::from_file(&path).unwrap_err().to_string();
        assert!(
            error.contains(&format!("has the permissions {mode:04o}")),
            "{error}"
        );
        assert!(error.contains("chmod 600"), "{error}");
    }
}

#[cfg(unix)]
#[test]
fn a_file_that_holds_no_key_is_refused_whatever_it_holds() {
    for text in [&b""[..], b"\xff\xfe", &[b'a'; 5_000]] {
        let (_folder, path) = file_with(0o600, text);
        let error = MasterKey::from_file(&path).unwrap_err();
        assert!(
            matches!(error, MasterKeyError::Malformed { .. }),
            "{error:?}"
        );
    }
    let error = MasterKey::from_file(Path::new("/nonexistent/key")).unwrap_err();
    assert!(matches!(error, MasterKeyError::Read { .. }), "{error:?}");
}

#[test]
fn a_file_is_made_once_and_never_written_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("master.key");
    let first = MasterKey::create_file_if_absent(&path, [1; 32]).unwrap();
    assert_eq!(first.id(), MasterKey::from_bytes([1; 32]).id());
    let second = MasterKey::create_file_if_absent(&path, [2; 32]).unwrap();
    assert_eq!(second.id(), first.id());
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, 0o600);
    }
}

#[test]
fn processes_that_start_at_once_agree_on_one_key() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("master.key");
    let ids: Vec<KeyId> = std::thread::scope(|scope| {
        let starts: Vec<_> = (0..8)
            .map(|n| {
                let path = &path;
                scope.spawn(move || {
                    MasterKey::create_file_if_absent(path, [n; 32])
                        .unwrap()
                        .id()
                })
            })
            .collect();
        starts
            .into_iter()
            .map(|start| start.join().unwrap())
            .collect()
    });
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
}

#[test]
fn a_file_in_a_folder_that_is_missing_is_not_made() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("missing").join("master.key");
    let error = MasterKey::create_file_if_absent(&path, BYTES).unwrap_err();
    assert!(matches!(error, MasterKeyError::Create { .. }), "{error:?}");
}

#[test]
fn keys_of_different_labels_or_masters_differ_and_of_the_same_do_not() {
    let (one, two) = (
        MasterKey::from_bytes([1; 32]),
        MasterKey::from_bytes([2; 32]),
    );
    assert_eq!(one.derive("a"), MasterKey::from_bytes([1; 32]).derive("a"));
    assert_ne!(one.derive("a"), one.derive("b"));
    assert_ne!(one.derive("a"), two.derive("a"));
    assert_ne!(*one.derive(""), [1; 32]);
}

/// The expected values come from another implementation of SHA-256 and HKDF.
#[test]
fn what_follows_from_a_key_never_changes_between_releases() {
    let key = MasterKey::from_bytes(BYTES);
    assert_eq!(key.id().to_string(), "75e8494659518ea3");
    assert_eq!(
        hex::encode(*key.derive("a label")),
        "86fd4453b20193d7463c8804f21fdb488e404da897824b52929df7f7c796e892"
    );
}

#[test]
fn debug_shows_the_keys_id_and_nothing_else() {
    let key = MasterKey::from_bytes(BYTES);
    assert_eq!(format!("{key:?}"), format!("MasterKey({})", key.id()));
    assert_eq!(KeyId::from_bytes(*key.id().as_bytes()), key.id());
}
