//! What a binary runs on, in Go's words, as registries and lock files write it: `linux_amd64`.

use std::fmt;
use std::str::FromStr;

/// An operating system and a processor.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Platform {
    os: String,
    arch: String,
}

/// The text names no platform.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no platform: write it as `linux_amd64`, `darwin_arm64`, `windows_amd64`")]
pub struct BadPlatform(pub String);

impl Platform {
    /// From its two words, such as an image index has them.
    ///
    /// # Errors
    /// One of them is not made of small letters and digits.
    pub fn new(os: &str, arch: &str) -> Result<Self, BadPlatform> {
        let word = |w: &str| {
            !w.is_empty() && w.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
        };
        if !word(os) || !word(arch) {
            return Err(BadPlatform(format!("{os}_{arch}")));
        }
        Ok(Self { os: os.to_owned(), arch: arch.to_owned() })
    }

    /// The one that this program was built for.
    pub fn current() -> Self {
        let os = match std::env::consts::OS {
            "macos" => "darwin",
            os => os,
        };
        let arch = match std::env::consts::ARCH {
            "x86_64" => "amd64",
            "x86" => "386",
            "aarch64" => "arm64",
            "powerpc64" if cfg!(target_endian = "little") => "ppc64le",
            "powerpc64" => "ppc64",
            "loongarch64" => "loong64",
            arch => arch,
        };
        Self { os: os.to_owned(), arch: arch.to_owned() }
    }

    /// `linux`, `darwin`, `windows`, …
    pub fn os(&self) -> &str {
        &self.os
    }

    /// `amd64`, `arm64`, …
    pub fn arch(&self) -> &str {
        &self.arch
    }

    /// What a program's name ends in there.
    pub fn exe_suffix(&self) -> &'static str {
        if self.os == "windows" { ".exe" } else { "" }
    }
}

impl FromStr for Platform {
    type Err = BadPlatform;

    /// `linux_amd64`, or `linux/amd64` as container tools write it.
    fn from_str(text: &str) -> Result<Self, BadPlatform> {
        let bad = || BadPlatform(text.to_owned());
        let (os, arch) = text.split_once(['_', '/']).ok_or_else(bad)?;
        Self::new(os, arch).map_err(|_| bad())
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}_{}", self.os, self.arch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_spellings_are_one_platform() {
        let platform: Platform = "linux/amd64".parse().unwrap();
        assert_eq!(platform, "linux_amd64".parse().unwrap());
        assert_eq!(platform.to_string(), "linux_amd64");
        assert_eq!((platform.os(), platform.arch()), ("linux", "amd64"));
    }

    #[test]
    fn this_machine_has_a_platform_that_reads_back() {
        let here = Platform::current();
        assert_eq!(here.to_string().parse::<Platform>().unwrap(), here);
    }

    #[test]
    fn what_is_none_is_refused() {
        for bad in ["", "linux", "_", "linux_", "Linux_amd64", "linux_amd64.exe", "../x_y", "a_b_c"]
        {
            assert_eq!(bad.parse::<Platform>(), Err(BadPlatform(bad.to_owned())), "{bad}");
        }
    }
}
