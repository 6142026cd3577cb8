"""Collects what is offered as sample data."""

sources: list = []


class SampleDataLogic:
    @staticmethod
    def registerCustomSampleDataSource(**source) -> None:
        sources.append(source)
