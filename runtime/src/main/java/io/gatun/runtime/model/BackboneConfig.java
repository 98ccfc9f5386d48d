package io.gatun.runtime.model;

/** The shape of a model that stands on its own: what it has behind its blocks is no classifier. */
public sealed interface BackboneConfig extends BaseConfig permits DecoderConfig, EncoderConfig {

  @Override
  default BackboneConfig backbone() {
    return this;
  }

  /**
   * The same shape, in which training drops nothing of the base.
   *
   * @return the changed shape
   */
  BackboneConfig withoutDropout();
}
