"""The sizes of nano's networks. All are the classes of Stable Diffusion, only smaller."""

from __future__ import annotations

from diffusers import AutoencoderKL, DPMSolverMultistepScheduler, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel, PreTrainedTokenizerFast

LATENT_CHANNELS = 4
LATENT_SIDE = 16
TEXT_WIDTH = 128
TOKENS = 77


def autoencoder() -> AutoencoderKL:
    """64x64 RGB <-> 16x16 latents of 4 channels."""
    return AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 3,
        up_block_types=("UpDecoderBlock2D",) * 3,
        block_out_channels=(16, 32, 64),
        layers_per_block=1,
        latent_channels=LATENT_CHANNELS,
        norm_num_groups=8,
        sample_size=LATENT_SIDE * 4,
        mid_block_add_attention=False,
    )


def unet() -> UNet2DConditionModel:
    """Denoiser of 16x16 latents, with cross-attention to the text at 8x8 and 4x4."""
    return UNet2DConditionModel(
        sample_size=LATENT_SIDE,
        in_channels=LATENT_CHANNELS,
        out_channels=LATENT_CHANNELS,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        block_out_channels=(64, 128, 144),
        layers_per_block=1,
        attention_head_dim=4,  # diffusers reads this as the number of heads
        cross_attention_dim=TEXT_WIDTH,
        norm_num_groups=16,
    )


def text_encoder(tokenizer: PreTrainedTokenizerFast) -> CLIPTextModel:
    """A causal transformer over 77 tokens, like CLIP's."""
    config = CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=TEXT_WIDTH,
        intermediate_size=4 * TEXT_WIDTH,
        num_hidden_layers=3,
        num_attention_heads=4,
        max_position_embeddings=TOKENS,
        hidden_act="gelu",
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        projection_dim=TEXT_WIDTH,
    )
    return CLIPTextModel(config)


def scheduler() -> DPMSolverMultistepScheduler:
    """DPM++ 2M Karras over Stable Diffusion's noise levels, predicting velocity.

    Velocity keeps the overall colour stable where nearly all is noise, which a small network
    that predicts the noise can't.
    """
    return DPMSolverMultistepScheduler(
        num_train_timesteps=1000,
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        prediction_type="v_prediction",
        algorithm_type="dpmsolver++",
        solver_order=2,
        use_karras_sigmas=True,
        steps_offset=1,
    )
