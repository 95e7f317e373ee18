"""Map the folders that people edit (fixtures, suites, templates) into the one import package."""

from setuptools import find_packages, setup

MAPPED = {
    "cellbench.fixtures": "fixtures",
    "cellbench.suites": "suites",
    "cellbench.templates": "reports/templates",
    "cellbench.schemas": "reports/schema",
    "cellbench.rigs": "rigs",
}

packages = find_packages("src")
for name, folder in MAPPED.items():
    packages += [name, *(f"{name}.{sub}" for sub in find_packages(folder))]

setup(
    packages=packages,
    package_dir={"": "src", **MAPPED},
    package_data={
        "cellbench": ["py.typed"],
        "cellbench.templates": ["*.j2", "*.typ", "*.css", "*.js", "*.svg"],
        "cellbench.schemas": ["*.json"],
        "cellbench.catalogue": ["overlays/*"],
        "cellbench.virtual": ["world/*.yaml", "world/certs/*", "uicc/cards/*.yaml"],
        "cellbench.rigs": ["virtual.yaml", "virtual-six.yaml", "evk-*.yaml", "rack.yaml", "limits/*.yaml"],
        "cellbench.starter": ["files/*", "files/*/*"],
    },
    # what a person keeps beside the samples is nobody else's, nor are leftovers of a run
    exclude_package_data={"": ["*.local.yaml", "*.pyc", "__pycache__/*"]},
)
