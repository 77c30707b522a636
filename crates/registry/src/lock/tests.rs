//! The file, written and read, and every way in which it can be wrong.

use super::*;
use crate::oci::Blob;

fn binary(of: &str, description: Option<&str>) -> Binary {
    let program = Blob { digest: Digest::of(of.as_bytes()), size: of.len() as u64 };
    Binary { program, description: description.map(|d| Digest::of(d.as_bytes())) }
}

fn example() -> LockFile {
    let platforms = [
        ("linux_amd64".parse().unwrap(), binary("linux", Some("{}"))),
        ("darwin_arm64".parse().unwrap(), binary("mac", None)),
    ];
    let chosen = Locked {
        constraint: Some("~> 1.2, != 1.2.4".to_owned()),
        tag: Some("v1.2.5".to_owned()),
        digest: Digest::of(b"index"),
        signer: Some(Signer::Identity {
            identity: "https://github.com/acme/foo/.github/workflows/r.yml@refs/tags/v1".to_owned(),
            issuer: "https://token.actions.githubusercontent.com".to_owned(),
        }),
        platforms: platforms.into(),
    };
    let given = Locked {
        constraint: None,
        tag: None,
        digest: Digest::of(b"given"),
        signer: Some(Signer::Key { fingerprint: Digest::of(b"key").to_string() }),
        platforms: BTreeMap::new(),
    };
    let key = format!("ghcr.io/acme/x@{}", Digest::of(b"given"));
    LockFile {
        providers: [("ghcr.io/acme/dstream-in-foo".to_owned(), chosen), (key, given)].into(),
    }
}

#[test]
fn what_is_written_reads_back_and_is_what_people_see() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(LockFile::load(folder.path()).unwrap(), LockFile::default());
    example().save(folder.path()).unwrap();
    assert_eq!(LockFile::load(folder.path()).unwrap(), example());
    let text = std::fs::read_to_string(folder.path().join(FILE)).unwrap();
    let begins = format!(
        "{}\n{}\n{}\n{}\n",
        "provider \"ghcr.io/acme/dstream-in-foo\" {",
        "  constraint = \"~> 1.2, != 1.2.4\"",
        "  tag        = \"v1.2.5\"",
        format_args!("  digest     = \"{}\"", Digest::of(b"index")),
    );
    assert!(text.contains(&begins), "{text}");
    let key = format!("\n  signer {{\n    key = \"{}\"\n  }}\n", Digest::of(b"key"));
    assert!(text.contains(&key), "{text}");
    let platform = format!(
        "\n  platform \"darwin_arm64\" {{\n    program = \"{}\"\n    size    = 3\n  }}\n",
        Digest::of(b"mac")
    );
    assert!(text.contains(&platform), "{text}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
}

#[test]
fn text_that_looks_like_a_template_stays_text() {
    let mut lock = example();
    let one = lock.providers.get_mut("ghcr.io/acme/dstream-in-foo").unwrap();
    one.constraint = Some("a \"b\" \\ ${c} %{d} $e".to_owned());
    assert_eq!(read::read(&lock.to_string(), Path::new("x")).unwrap(), lock);
}

#[test]
fn what_is_wrong_is_said_with_its_place() {
    let digest = Digest::of(b"x");
    let of = |text: &str| read::read(text, Path::new("lock")).unwrap_err().to_string();
    let in_provider = |line: &str| of(&format!("provider \"a\" {{\n  {line}\n}}\n"));
    let in_platform = |line: &str| {
        of(&format!(
            "provider \"a\" {{\n  digest = \"{digest}\"\n  platform \"linux_amd64\" {{\n    {line}\n  }}\n}}\n"
        ))
    };
    assert!(of("provider \"a\" {").starts_with("lock:1:"));
    assert!(of("version = 2").contains("lock:1:1: `version` means nothing here"));
    assert!(of("plugin \"a\" {}").contains("`plugin` means nothing"));
    assert!(of("provider {}").contains("needs one label"));
    assert!(of("provider \"a\" {}").contains("`digest` is missing"));
    assert!(in_provider("digest = \"sha256:12\"").contains("lock:2:12: `sha256:12` is no SHA-256"));
    assert!(in_provider("digest = 12").contains("must be a string"));
    assert!(in_provider("signed = true").contains("lock:2:3: `signed` means nothing"));
    assert!(in_platform("size = -1").contains("lock:4:12: `size` must be a whole number"));
    assert!(in_platform("size = 1").contains("`program` or `size` is missing"));
    assert!(in_platform("path = \"/bin/sh\"").contains("`path` means nothing"));
    assert!(in_provider("signer {}").contains("needs `key`, or `identity` and `issuer`"));
    assert!(in_provider("signer {\n key = \"a\"\n issuer = \"b\"\n}").contains("needs `key`"));
    assert!(in_provider("signer {\n name = \"a\"\n}").contains("`name` means nothing here"));
    let twice = format!("provider \"a\" {{\n  digest = \"{digest}\"\n}}\n");
    assert!(of(&format!("{twice}{twice}")).contains("lock:4:1: `a` is locked twice"));
}
