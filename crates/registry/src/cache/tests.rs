//! What the cache gives, and what it refuses to give.

use std::time::Duration;

use super::*;

struct Place {
    _folder: tempfile::TempDir,
    cache: Cache,
}

fn place() -> Place {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::new(folder.path().join("dstream"));
    Place { _folder: folder, cache }
}

fn overwrite(path: &Path, bytes: &[u8]) {
    std::fs::remove_file(path).unwrap();
    std::fs::write(path, bytes).unwrap();
}

fn download(cache: &Cache, content: &[u8]) -> Result<PathBuf, Digest> {
    let digest = Digest::of(content);
    let claim = cache.try_claim(&digest).unwrap().unwrap();
    let mut partial = Partial::open(cache, &digest, content.len() as u64, &claim).unwrap();
    let at = usize::try_from(partial.length()).unwrap();
    partial.write(&content[at..]).unwrap();
    partial.finish().unwrap()
}

#[test]
fn what_was_downloaded_is_there_executable_and_not_writable() {
    let Place { cache, .. } = &place();
    let digest = Digest::of(b"program");
    assert_eq!(cache.look(&digest).unwrap(), Held::Missing);
    let path = download(cache, b"program").unwrap();
    assert_eq!(cache.look(&digest).unwrap(), Held::Good(path.clone()));
    assert_eq!(cache.bytes(&digest).unwrap().unwrap(), b"program");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o555);
    }
}

#[test]
fn a_content_that_was_changed_is_noticed_before_each_use_even_where_its_size_is_the_same() {
    let Place { cache, .. } = &place();
    let digest = Digest::of(b"program");
    let path = download(cache, b"program").unwrap();
    // With the stamp of the good one on disk.
    assert_eq!(cache.look(&digest).unwrap(), Held::Good(path.clone()));
    overwrite(&path, b"pr0gram");
    assert_eq!(cache.look(&digest).unwrap(), Held::Corrupt);
    assert_eq!(cache.bytes(&digest).unwrap(), None);
    // The next download puts it right.
    download(cache, b"program").unwrap();
    assert_eq!(cache.look(&digest).unwrap(), Held::Good(path));
}

#[cfg(unix)]
#[test]
fn a_change_that_sets_the_times_back_is_noticed() {
    let Place { cache, .. } = &place();
    let digest = Digest::of(b"program");
    let path = download(cache, b"program").unwrap();
    cache.look(&digest).unwrap();
    let modified = std::fs::metadata(&path).unwrap().modified().unwrap();
    make_writable(&path);
    let mut file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
    std::io::Write::write_all(&mut file, b"pr0gram").unwrap();
    file.set_modified(modified).unwrap();
    drop(file);
    assert_eq!(cache.look(&digest).unwrap(), Held::Corrupt);
}

#[cfg(unix)]
fn make_writable(path: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

#[cfg(unix)]
#[test]
fn a_link_in_the_place_of_a_content_is_not_followed() {
    let Place { cache, .. } = &place();
    let digest = Digest::of(b"program");
    let path = cache.path(&digest);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let elsewhere = cache.folder().join("elsewhere");
    std::fs::write(&elsewhere, b"program").unwrap();
    std::os::unix::fs::symlink(&elsewhere, &path).unwrap();
    assert_eq!(cache.look(&digest).unwrap(), Held::Corrupt);
    download(cache, b"program").unwrap();
    assert!(std::fs::symlink_metadata(&path).unwrap().is_file());
    assert_eq!(std::fs::read(&elsewhere).unwrap(), b"program");
}

#[test]
fn a_download_goes_on_from_what_is_there_and_never_believes_it() {
    let Place { cache, .. } = &place();
    let begun = |content: &[u8], bytes: &[u8]| {
        let path = cache.partial_path(&Digest::of(content));
        make_folder(&path).unwrap();
        std::fs::write(path, bytes).unwrap();
    };
    begun(b"program", b"prog");
    assert!(download(cache, b"program").is_ok());
    begun(b"another", b"bad_");
    let actual = Digest::of(b"bad_her");
    assert_eq!(download(cache, b"another"), Err(actual));
    assert_eq!(cache.look(&Digest::of(b"another")).unwrap(), Held::Missing);
    // More than there should be is none of it.
    begun(b"third", b"third and more");
    assert!(download(cache, b"third").is_ok());
}

#[test]
fn one_downloads_and_the_others_wait() {
    let Place { cache, .. } = &place();
    let digest = Digest::of(b"program");
    let claim = cache.try_claim(&digest).unwrap().unwrap();
    assert!(cache.try_claim(&digest).unwrap().is_none());
    assert!(cache.try_claim(&Digest::of(b"another")).unwrap().is_some());
    drop(claim);
    assert!(cache.try_claim(&digest).unwrap().is_some());
}

#[test]
fn cleaning_removes_what_is_old_and_not_kept_and_not_on_its_way() {
    let Place { cache, .. } = &place();
    let [kept, gone, used] = [b"kept", b"gone", b"used"].map(|content| {
        download(cache, content).unwrap();
        Digest::of(content)
    });
    let begun = cache.partial_path(&Digest::of(b"begun"));
    std::fs::write(&begun, b"be").unwrap();
    let busy = cache.partial_path(&Digest::of(b"busy"));
    std::fs::write(&busy, b"bu").unwrap();
    let _claim = cache.try_claim(&Digest::of(b"busy")).unwrap().unwrap();
    assert_eq!(cache.clean(Duration::from_secs(3600), &|_| false).unwrap(), Cleaned::default());
    std::thread::sleep(Duration::from_millis(60));
    cache.look(&used).unwrap();
    let cleaned = cache.clean(Duration::from_millis(50), &|digest| *digest == kept).unwrap();
    assert_eq!(cleaned, Cleaned { removed: 1, bytes: 4 + 2 });
    let held = |digest: &Digest| cache.look(digest).unwrap() != Held::Missing;
    assert_eq!([held(&kept), held(&gone), held(&used)], [true, false, true]);
    assert_eq!([begun.exists(), busy.exists()], [false, true]);
}

#[test]
fn what_is_only_read_counts_as_used_as_well() {
    let Place { cache, .. } = &place();
    let [read, unread] = [b"read".as_slice(), b"unread"].map(|bytes| cache.keep(bytes).unwrap());
    cache.bytes(&read).unwrap().unwrap();
    std::thread::sleep(Duration::from_millis(60));
    cache.bytes(&read).unwrap().unwrap();
    let cleaned = cache.clean(Duration::from_millis(50), &|_| false).unwrap();
    assert_eq!(cleaned, Cleaned { removed: 1, bytes: 6 });
    assert!(cache.bytes(&read).unwrap().is_some() && cache.bytes(&unread).unwrap().is_none());
}

#[test]
fn the_folder_is_that_of_the_user() {
    let of = |pairs: &[(&str, &str)]| {
        let all: Vec<_> = pairs.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        Cache::folder_of(&all)
    };
    let path = |text: &str| Some(PathBuf::from(text));
    #[cfg(unix)]
    assert_eq!(of(&[("XDG_CACHE_HOME", "/c"), ("HOME", "/h")]), path("/c/dstream"));
    // The XDG specification: a relative path is to be ignored.
    assert_eq!(of(&[("XDG_CACHE_HOME", "c"), ("HOME", "/h")]), path("/h/.cache/dstream"));
    assert_eq!(of(&[]), None);
}
