"""Which folders the package is made of; everything else stands in pyproject.toml. configs/ becomes a part of it."""

from setuptools import find_packages, setup

setup(
    packages=[*find_packages(include=["rlbreakout*"]), "rlbreakout.configs"],
    package_dir={"rlbreakout.configs": "configs"},
    package_data={
        "rlbreakout": ["pretrained/*/*.yaml", "pretrained/*/*.safetensors", "watch/page/*"],
        "rlbreakout.configs": ["*.yaml"],
    },
)
